use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http::{Response, request};
use portcullis_core::{Count, Counts, Guard, Reply, Verdict};

use super::Health;
#[cfg(feature = "server")]
use super::viewers::Sight;

impl Guard for Health {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        match self.probe(head) {
            None => Verdict::Admit,
            Some(answer) => {
                if answer.status().is_server_error() {
                    self.shared.failed_probes.fetch_add(1, Relaxed);
                }
                Verdict::answer(answer)
            }
        }
    }

    fn describe(&self) -> String {
        let checks: Vec<_> = self.checks().map(|(name, _)| name).collect();
        let paths = listed(&self.probe_paths());
        if checks.is_empty() {
            format!("{paths}, without checks")
        } else {
            format!("{paths}; checks: {}", checks.join(", "))
        }
    }

    fn counts(&self) -> Vec<Count> {
        Counts::counts(self)
    }
}

impl Health {
    /// Answers a request that is a probe, of somebody who may see as much as was set.
    #[inline]
    fn probe(&self, head: &request::Parts) -> Option<Response<Bytes>> {
        let probe = self.paths.probe(head)?;
        self.start();
        Some(probe.answer(self, head, self.viewers.sight(head)))
    }

    /// Answers a request that is a probe, of an operator: with all details.
    #[cfg(feature = "server")]
    pub(crate) fn probe_of_operator(&self, head: &request::Parts) -> Option<Response<Bytes>> {
        let probe = self.paths.probe(head)?;
        self.start();
        Some(probe.answer(self, head, Sight::Reasons))
    }
}

/// Returns paths as people list them: `/health, /ready and /live`.
fn listed(paths: &[&str]) -> String {
    match paths {
        [] => "no path".to_owned(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
