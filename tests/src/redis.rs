//! A real `redis-server`, which tests may kill, stop and start again.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::program::{Process, free_port};

/// A server that keeps nothing on disk. Ends when it is dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    process: Option<Process>,
}

// ===== impl Redis =====

impl Redis {
    /// Starts a server on a free port.
    ///
    /// # Panics
    ///
    /// Panics if it does not listen after five seconds.
    #[must_use]
    pub fn start() -> Self {
        let mut redis = Self {
            port: free_port(),
            process: None,
        };
        redis.restart();
        redis
    }

    /// Where it is, such as `redis://127.0.0.1:6379`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was, empty.
    ///
    /// # Panics
    ///
    /// Panics if it does not listen after five seconds.
    pub fn restart(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(&mut command));
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        let wait = || thread::sleep(Duration::from_millis(50));
        assert!((0..100).any(|_| listens() || (wait(), false).1));
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops it where it is: it accepts connections, and answers nothing.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Runs a command with `redis-cli`, and returns the answer.
    ///
    /// # Panics
    ///
    /// Panics if there is no `redis-cli`.
    #[must_use]
    pub fn say(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port.to_string()]).args(command);
        let output = cli.output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// How often a command was run since [`forget_calls`](Self::forget_calls).
    #[must_use]
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.say(&["INFO", "commandstats"]);
        let name = format!("cmdstat_{command}:calls=");
        let calls = stats.lines().find_map(|line| line.strip_prefix(&name));
        let calls = calls.and_then(|calls| calls.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    }

    /// Begins to count anew.
    pub fn forget_calls(&self) {
        let _ = self.say(&["CONFIG", "RESETSTAT"]);
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            let id = process.0.id().to_string();
            let _ = Command::new("kill").args([signal, &id]).status();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // What is stopped can't be asked to end.
        self.go_on();
    }
}
