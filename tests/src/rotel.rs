//! A real collector, `rotel`, which prints what it receives.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::program::{Folder, Process, free_port};

/// A collector on two free ports. Ends when it is dropped.
#[derive(Debug)]
pub struct Rotel {
    grpc: u16,
    http: u16,
    folder: Folder,
    _process: Process,
}

// ===== impl Rotel =====

impl Rotel {
    /// Starts a collector, if `cargo xtask test tests` has installed one, and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it does not listen after five seconds.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: no rotel; `cargo xtask test tests` installs it");
            return None;
        };
        let (grpc, http) = (free_port(), free_port());
        let folder = Folder::new("rotel");
        let output = fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(program);
        command.arg("start");
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")]);
        command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")]);
        command.args(["--exporter", "blackhole"]);
        command.args(["--debug-log-verbosity", "detailed"]);
        for signal in ["traces", "metrics", "logs"] {
            command.args(["--debug-log", signal]);
        }
        command.stdout(output).stderr(Stdio::null());
        let process = Process::start(&mut command);
        let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let wait = || thread::sleep(Duration::from_millis(50));
        assert!((0..100).any(|_| (listens(grpc) && listens(http)) || (wait(), false).1));
        Some(Self {
            grpc,
            http,
            folder,
            _process: process,
        })
    }

    /// Returns where it takes this protocol: `grpc` or `http/protobuf`.
    #[must_use]
    pub fn url(&self, protocol: &str) -> String {
        let port = if protocol == "grpc" {
            self.grpc
        } else {
            self.http
        };
        format!("http://127.0.0.1:{port}")
    }

    /// Returns what it has printed, once that contains all of `parts`, or after five seconds.
    ///
    /// # Panics
    ///
    /// Panics if there is nothing to read.
    #[must_use]
    pub fn printed(&self, parts: &[&str]) -> String {
        for _ in 0..100 {
            let text = self.text();
            if parts.iter().all(|part| text.contains(part)) {
                return text;
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.text()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }
}

/// The program is in the package's folder, whose name has the version of Python.
fn program() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/lib");
    let versions = fs::read_dir(root).ok()?.flatten();
    let programs = versions.map(|entry| entry.path().join("site-packages/rotel/rotel-agent"));
    programs.into_iter().find(|program| program.exists())
}
