use std::{fmt, process::ExitCode, time::Duration};

/// How a server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    pub(super) ended: usize,
    pub(super) cut: usize,
    pub(super) took: Duration,
}

impl Stopped {
    /// Connections that ended before the time was up, after the server was told to stop: by themselves,
    /// or closed by a limit.
    #[must_use]
    pub const fn ended(&self) -> usize {
        self.ended
    }

    /// Connections that were cut because the time was up. What they carried is lost.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// From the signal to the end of the last connection, without flushes.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// What a process may end with: success, or failure (1) if something was [`cut`](Self::cut).
    ///
    /// ```no_run
    /// # use std::{io, process::ExitCode};
    /// # use axum::Router;
    /// # use tokio::net::TcpListener;
    /// #[tokio::main]
    /// async fn main() -> io::Result<ExitCode> {
    ///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
    ///     let stopped = portcullis::serve(listener, Router::new()).await?;
    ///     Ok(stopped.exit_code())
    /// }
    /// ```
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.cut == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
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
