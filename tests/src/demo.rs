//! The demo server, running.

use std::process::{Child, Stdio};

use crate::program::{Process, program};

/// A demo server on a port of its own. Ends when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Demo {
    process: Process,
    lines: Vec<String>,
}

// ===== impl Demo =====

impl Demo {
    /// Starts a server in development mode.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    #[expect(clippy::unused_async, reason = "starting a server takes time")]
    pub async fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with these variables set.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    #[must_use]
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let mut command = program("demo");
        command.env("PORT", "0").envs(variables.iter().copied());
        let is_production = variables.contains(&("ENVIRONMENT", "production"));
        let last = if is_production {
            "listening on "
        } else {
            "demo key: "
        };
        let (process, lines) = Process::until(command.stderr(Stdio::null()), last);
        Self { process, lines }
    }

    /// Where it listens, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.after("listening on ")
    }

    /// The key that it printed.
    #[must_use]
    pub fn key(&self) -> &str {
        self.after("demo key: ")
    }

    /// What it printed until it was ready.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The process.
    pub const fn process(&mut self) -> &mut Child {
        &mut self.process.0
    }

    fn after(&self, prefix: &str) -> &str {
        let mut found = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix(prefix));
        found.next().unwrap_or_default()
    }
}
