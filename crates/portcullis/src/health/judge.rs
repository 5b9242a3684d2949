//! What the results of checks come to.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Health,
    check::{Background, Impact, State},
    report::Level,
};

impl Health {
    /// Returns what `/health` is answered.
    pub(super) fn level(&self) -> Level {
        let level = |check: &Arc<Background>| match check.state() {
            State::Pending | State::Ok => Level::Healthy,
            State::Failing | State::TimedOut if check.impact == Impact::Critical => {
                Level::Unhealthy
            }
            _ => Level::Degraded,
        };
        self.all().map(level).min().unwrap_or(Level::Healthy)
    }

    /// Returns why `/health` is not `healthy`: of the checks that are not well the first of those that
    /// weigh most.
    pub(super) fn complaint(&self) -> Option<String> {
        let unwell =
            |check: &&Arc<Background>| !matches!(check.state(), State::Ok | State::Pending);
        let is_critical =
            |check: &&Arc<Background>| check.impact == Impact::Critical && check.state().fails();
        let worst = self
            .all()
            .find(is_critical)
            .or_else(|| self.all().find(unwell));
        worst.map(|check| said(check))
    }

    /// Returns why the process is not ready, if so.
    pub(super) fn obstacle(&self) -> Option<Cow<'static, str>> {
        if self.shared.draining.load(Ordering::Acquire) {
            return Some("draining".into());
        }
        if self.shared.latches.load(Ordering::Acquire) > 0 {
            return Some("warming up".into());
        }
        let mut counting = self.all().filter(|check| check.impact != Impact::Advisory);
        let unready = counting.find(|check| !check.state().works());
        unready.map(|check| said(check).into())
    }

    /// Returns `true` once no latch is held, and from then on.
    pub(super) fn has_started(&self) -> bool {
        self.shared.started.load(Ordering::Acquire)
            || (self.shared.latches.load(Ordering::Acquire) == 0 && self.shared.start())
    }
}

fn said(check: &Background) -> String {
    format!("{}: {}", check.name, check.state().as_str())
}
