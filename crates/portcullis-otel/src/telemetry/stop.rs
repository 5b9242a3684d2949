use std::time::Duration;

use tokio::time::Instant;

use super::Telemetry;
use crate::{pipeline::Drops, signal::Signal};

/// Sends what is there, until it is sent or the time is over, and says what was lost.
pub(super) fn shut_down(telemetry: &Telemetry) {
    let Some(runner) = &telemetry.runner else {
        return;
    };
    let before = lost(&telemetry.drops);
    let deadline = Instant::now() + telemetry.stop_limit;
    runner.stop.at(deadline);
    let spans = telemetry
        .traces
        .as_ref()
        .map(|traces| traces.queue.begin_flush());
    let logs = telemetry.logs.as_ref().map(|logs| logs.queue.begin_flush());
    if let Some(meters) = &telemetry.meters {
        // What is wrong was counted and logged by the exporter.
        let _ = meters.shutdown();
    }
    for done in [spans, logs].into_iter().flatten() {
        // It ends with the flush, or with the task.
        let _ = done.recv_timeout(deadline + GRACE - Instant::now());
    }
    runner.stop.at(Instant::now());
    let after = lost(&telemetry.drops);
    let [spans, points, records] = [0, 1, 2].map(|at| after[at] - before[at]);
    if spans + points + records > 0 {
        tracing::warn!(target: "portcullis", spans, points, records, "telemetry was lost at the stop");
    }
}

fn lost(drops: &Drops) -> [u64; 3] {
    Signal::ALL.map(|signal| drops.all(signal))
}

/// For the task, to count what it leaves.
const GRACE: Duration = Duration::from_millis(200);
