use std::{fmt, time::Duration};

/// How a server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    pub(super) ended: usize,
    pub(super) cut: usize,
    pub(super) took: Duration,
}

impl Stopped {
    /// Connections that ended by themselves after the server was told to stop.
    #[must_use]
    pub const fn ended(&self) -> usize {
        self.ended
    }

    /// Connections that were cut because the time was up. What they carried is lost.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// From the signal to the end.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, cut, took } = self;
        let took = took.as_secs_f32();
        write!(
            f,
            "stopped in {took:.1} s: {ended} connections ended, {cut} cut"
        )
    }
}
