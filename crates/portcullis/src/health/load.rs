//! Whether the edges in front of the application refuse much of what they get.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use super::check::{Background, Check};

/// Reads how many requests were admitted and shed so far; `None` when its guard is gone.
type Source = Box<dyn Fn() -> Option<[u64; 2]> + Send + Sync>;

/// What guards shed, and the check of it, which there is as soon as there is a guard.
#[derive(Default)]
pub(super) struct Load {
    sources: Arc<Mutex<Vec<Seen>>>,
    check: OnceLock<Arc<Background>>,
}

/// A guard, and what it had seen before.
struct Seen {
    source: Source,
    before: [u64; 2],
}

// ===== impl Load =====

impl Load {
    pub(super) fn watch(&self, source: impl Fn() -> Option<[u64; 2]> + Send + Sync + 'static) {
        let before = source().unwrap_or_default();
        let source = Box::new(source);
        lock(&self.sources).push(Seen { source, before });
        self.check.get_or_init(|| {
            let sources = Arc::clone(&self.sources);
            let check = Check::of_readiness(NAME, move || judge(&mut lock(&sources)));
            Arc::new(check.into_background(EVERY, EVERY))
        });
    }

    pub(super) fn check(&self) -> Option<&Arc<Background>> {
        self.check.get()
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load").finish_non_exhaustive()
    }
}

// ===== impl Seen =====

impl Seen {
    /// Returns what was admitted and shed since the last call; `None` when the guard is gone.
    fn since(&mut self) -> Option<[u64; 2]> {
        let now = (self.source)()?;
        let since = [0, 1].map(|at| now[at].saturating_sub(self.before[at]));
        self.before = now;
        Some(since)
    }
}

/// Fails if one of the guards shed more than half of what it got.
fn judge(sources: &mut Vec<Seen>) -> Result<(), String> {
    let mut result = Ok(());
    sources.retain_mut(|seen| {
        let Some([admitted, shed]) = seen.since() else {
            return false;
        };
        if admitted + shed >= LEAST && shed > admitted {
            result = Err(format!("{shed} of {} requests shed", admitted + shed));
        }
        true
    });
    result
}

fn lock(sources: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    sources.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What probes call it.
const NAME: &str = "load shed";

const EVERY: Duration = Duration::from_secs(1);

/// Requests of a second of which a share says something.
const LEAST: u64 = 20;
