//! Programs, as processes of a test.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// A process that ends when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Process(pub Child);

/// A folder of its own. Removed when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

// ===== impl Process =====

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    /// Starts a command, and reads what it prints until a line begins so.
    ///
    /// # Panics
    ///
    /// Panics if it ends before.
    #[must_use]
    pub fn until(command: &mut Command, last: &str) -> (Self, Vec<String>) {
        let mut process = Self::start(command.stdout(Stdio::piped()));
        let stdout = process.0.stdout.take().expect("piped");
        let mut printed = Vec::new();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let is_last = line.starts_with(last);
            printed.push(line);
            if is_last {
                return (process, printed);
            }
        }
        panic!("it ended: {printed:?}");
    }

    /// Sends SIGTERM, and waits until it has ended, or for two seconds.
    pub fn terminate(&mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        for _ in 0..40 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// ===== impl Folder =====

impl Folder {
    /// A new one.
    ///
    /// # Panics
    ///
    /// Panics if it can't be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = format!("portcullis-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, open for writing.
    ///
    /// # Panics
    ///
    /// Panics if it can't be made.
    #[must_use]
    pub fn file(&self, name: &str) -> File {
        File::create(self.0.join(name)).expect("a file")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
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

/// A program of this workspace, built as this one is, with nothing of this environment that it reads.
///
/// # Panics
///
/// Panics if it can't be built.
#[must_use]
pub fn program(name: &str) -> Command {
    build(PROGRAMS, is_release());
    command(&target().join(profile(is_release())).join(path(name)))
}

/// A program that a siege needs, built for release: what a siege says depends on it.
///
/// # Panics
///
/// Panics if it can't be built.
#[must_use]
pub fn server(name: &str) -> Command {
    build(SERVERS, true);
    command(&target().join(profile(true)).join(path(name)))
}

fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Where a program is, below the folder of its profile: the gallery is an example.
fn path(name: &str) -> PathBuf {
    let folder = if name == "gallery" { "examples" } else { "" };
    Path::new(folder).join(name)
}

/// Returns Cargo's target folder: this program is `target/PROFILE/NAME` or `target/PROFILE/deps/NAME`.
///
/// # Panics
///
/// Panics if this program is elsewhere.
#[must_use]
pub fn target() -> PathBuf {
    let this = std::env::current_exe().expect("this program runs");
    let mut folders = this.ancestors().skip(1);
    let profile = folders.find(|folder| !folder.ends_with("deps"));
    let target = profile.and_then(Path::parent);
    target.expect("target").to_owned()
}

fn is_release() -> bool {
    let this = std::env::current_exe().expect("this program runs");
    this.starts_with(target().join("release"))
}

const fn profile(is_release: bool) -> &'static str {
    if is_release { "release" } else { "debug" }
}

/// A port that is free now.
///
/// # Panics
///
/// Panics if there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Cargo does not build the programs of other packages for a test. Does nothing when they are new.
fn build(packages: &[&str], is_release: bool) {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--bins", "--example", "gallery"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(is_release.then_some("--release"));
    // What Cargo tells this test of its package is not told to the programs: ring would be built anew for it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let built = command.status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the programs build"
    );
}

const PROGRAMS: &[&str] = &["demo", "portcullis-cli", "portcullis-siege"];
const SERVERS: &[&str] = &["demo", "peers", "portcullis-cli", "portcullis-siege"];

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
