//! How long a response's body may give nothing.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::passage::Passage;

impl Passage {
    pub(super) fn stream_idle(&self) -> Option<Duration> {
        self.watch.stack.time_limit?.stream_idle
    }

    /// The body gave something.
    #[inline]
    pub(super) const fn stream_moved(&mut self) {
        self.timer.clear();
    }

    /// Ready when the body gave nothing for so long.
    pub(super) fn poll_stream(&mut self, idle: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if !self.timer.is_set() {
            self.timer.set(Instant::now().checked_add(idle));
        }
        self.timer.poll(None, cx)
    }
}
