//! The demo server, running.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

/// A demo server on a port of its own. Ends when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Demo {
    child: Child,
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
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut demo = Self {
            child: piped.spawn().expect("the demo starts"),
            lines: Vec::new(),
        };
        let is_production = variables.contains(&("ENVIRONMENT", "production"));
        demo.read_until(match is_production {
            true => "listening on ",
            false => "demo key: ",
        });
        demo
    }

    fn read_until(&mut self, last: &str) {
        let stdout = self.child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let is_last = lines.any(|line| {
            let is_last = line.starts_with(last);
            self.lines.push(line);
            is_last
        });
        assert!(is_last, "the demo stopped: {:?}", self.lines);
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
        &mut self.child
    }

    fn after(&self, prefix: &str) -> &str {
        let mut found = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix(prefix));
        found.next().unwrap_or_default()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one of the programs to its end.
///
/// # Panics
///
/// Panics if it can't be run.
#[must_use]
pub fn run(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = program(name);
    let command = command.args(arguments).envs(variables.iter().copied());
    command.output().expect("the program runs")
}

/// A program of this workspace, built, with nothing of this environment that it reads.
fn program(name: &str) -> Command {
    let tests = std::env::current_exe().expect("a test runs");
    let folder = tests.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    build();
    let path: PathBuf = folder.join(name);
    let mut command = Command::new(path);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Cargo does not build the programs of other packages for a test. Does nothing when they are new.
fn build() {
    let packages = ["--package", "demo", "--package", "portcullis-cli"];
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--quiet"])
        .args(packages)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the programs build"
    );
}

const VARIABLES: [&str; 14] = [
    "API_KEYS",
    "API_KEYS_FILE",
    "BODY_LIMIT_BYTES",
    "DRAIN_SECONDS",
    "ENVIRONMENT",
    "HOST",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
    "PORT",
    "RATE_LIMIT_BURST",
    "RATE_LIMIT_HEALTH",
    "RATE_LIMIT_PER_SECOND",
    "RUST_LOG",
    "TRUSTED_PROXIES",
];
