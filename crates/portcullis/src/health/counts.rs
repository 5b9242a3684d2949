//! What is counted for a page of metrics.

use std::sync::atomic::Ordering::Relaxed;

use portcullis_core::{Count, Counts};

use super::{
    Health,
    check::{Background, Impact, State},
    report::Probe,
};

/// A page of metrics may ask the health itself, where no edge has it.
impl Counts for Health {
    fn counts(&self) -> Vec<Count> {
        let probes = Probe::ALL.into_iter().map(|probe| self.count_of(probe));
        let checks = self.all().flat_map(|check| counts_of(check));
        let failed = self.shared.failed_probes.load(Relaxed);
        let failed = Count::total(
            "portcullis_health_probes_failed",
            "Probes that an edge answered with 503",
            failed,
        );
        let failed = failed.counted_by(&*self.shared);
        probes.chain([failed]).chain(checks).collect()
    }
}

// ===== impl Health =====

impl Health {
    fn count_of(&self, probe: Probe) -> Count {
        Count::gauge(
            "portcullis_health_status",
            "What a probe is answered: 0 unhealthy, 1 degraded, 2 healthy",
            probe.level(self) as u64,
        )
        .label("probe", probe.name())
        .counted_by(&*self.shared)
    }
}

fn counts_of(check: &Background) -> impl Iterator<Item = Count> {
    let name = &*check.name;
    let [runs, failures] = check.counts();
    let counts = [
        Count::gauge(
            "portcullis_health_check_status",
            "What a check is: 0 unhealthy, 1 degraded, 2 healthy",
            status(check),
        ),
        Count::total("portcullis_health_check_runs", "Runs of a check", runs),
        Count::total(
            "portcullis_health_check_failures",
            "Runs of a check that failed or took too long",
            failures,
        ),
    ];
    counts
        .into_iter()
        .map(move |count| count.label("check", name).counted_by(check))
}

/// Returns what a check is; without a result it is not known to be well.
fn status(check: &Background) -> u64 {
    match check.state() {
        State::Ok => 2,
        State::Pending | State::Degraded => 1,
        State::Failing | State::TimedOut if check.impact == Impact::Advisory => 1,
        State::Failing | State::TimedOut => 0,
    }
}
