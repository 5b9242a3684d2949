//! What takes too long: the first SETTINGS, the rest of a head, a window that stays shut.

use std::{thread, time::Duration};

use tokio::time::Instant;

use super::{Goaway, Http2, Result, send::Sending};
use crate::{app::lock, faults::Fault};

impl Http2 {
    /// Whether what is wrong is that nothing ends it.
    pub(super) fn waits_for_ever(&self) -> bool {
        matches!(
            self.app.fault,
            Fault::H2IdleTimeout
                | Fault::H2HeadAwaited
                | Fault::H2ContinuationRenews
                | Fault::H2SettingsAwaited
                | Fault::H2FrameAwaited
                | Fault::H2FrameRenews
        )
    }

    /// Whether something is awaited that has a limit.
    pub(super) fn is_waiting(&self) -> bool {
        self.counts.settings == 0 || self.block.is_some() || !self.sends.is_empty()
    }

    /// Ends what took too long.
    pub(super) async fn overdue(&mut self) -> Result {
        let is_late = self.awaits_since.elapsed() > Duration::from_secs(2);
        let settings = self.counts.settings == 0 && !self.app.has(Fault::H2SettingsAwaited);
        let has_time = self.app.has(Fault::H2HeadAwaited) || self.app.has(Fault::H2Continuations);
        let head = self.block.is_some() && !has_time;
        if is_late && (settings || head) {
            return Err(Goaway(1));
        }
        if self.app.has(Fault::H2Stalls) {
            return Ok(());
        }
        let stalled = self.sends.iter().filter(|sending| sending.is_stalled());
        let stalled: Vec<u32> = stalled.map(|sending| sending.stream).collect();
        for stream in stalled {
            self.sends.retain(|sending| sending.stream != stream);
            self.reset(stream, 8).await?;
        }
        Ok(())
    }

    /// Ends what is a flood of control frames, but for the fault that lets it.
    pub(super) fn bound(&self, count: u32, lifts: Fault) -> Result {
        let is_batch = match lifts {
            Fault::H2Pings => self.app.has(Fault::H2PingBatches),
            _ => self.app.has(Fault::H2SettingsBatches),
        };
        if is_batch {
            *lock(&self.app.batch) = Some(Instant::now());
            thread::sleep(Duration::from_micros(100));
            return Ok(());
        }
        calm(count > 1000 && !self.app.has(lifts))
    }
}

impl Sending {
    /// The client took so much: enough of it renews the limit.
    pub(super) fn took(&mut self, count: usize, fault: Fault) {
        self.taken += count;
        let least = if fault == Fault::H2WindowRenews {
            1
        } else {
            1024
        };
        if self.taken >= least {
            (self.since, self.taken) = (Instant::now(), 0);
        }
    }

    fn is_stalled(&self) -> bool {
        self.since.elapsed() > Duration::from_secs(3)
    }
}

/// ENHANCE_YOUR_CALM.
pub(super) const fn calm(is_flood: bool) -> Result {
    if is_flood { Err(Goaway(11)) } else { Ok(()) }
}
