use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use portcullis_core::BoxError;

use crate::{
    health::{check::Check, vitals::Threshold},
    memory::{Cgroups, used_of_machine},
};

impl Check {
    /// Creates a check named `memory`, which is degraded above a part of the memory that there is, such
    /// as 0.8, and with `(0.8, 0.95)` fails above the second. Looked at each second.
    ///
    /// The memory is that of the cgroup (version 2) that is nearest to its limit, without cached files
    /// that the kernel would drop first; where none has a limit, the machine's: what is not available
    /// without swapping. Where neither is known, as outside Linux, it is well, which is logged once.
    pub fn memory(at_most: impl Into<Threshold>) -> Self {
        let cgroups = Cgroups::default();
        Self::memory_of(at_most.into(), move || {
            cgroups.used().or_else(used_of_machine)
        })
    }

    /// The closure may block: it is called where it may.
    pub(super) fn memory_of(
        at_most: Threshold,
        used: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Self {
        let has_told = AtomicBool::new(false);
        let check = Self::of_itself("memory", move || -> Result<(), BoxError> {
            if let Some(used) = used() {
                return at_most.check(used);
            }
            if !has_told.swap(true, Relaxed) {
                tracing::info!(target: "portcullis", "how much memory is used is not known here");
            }
            Ok(())
        });
        check.with_threshold(at_most, 1.0)
    }
}
