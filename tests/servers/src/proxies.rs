//! Real proxies, as Debian packages them, in front of a server.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::program::{Folder, Process};

/// A proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "their names")]
#[expect(clippy::exhaustive_enums, reason = "all that are tested")]
pub enum Proxy {
    Nginx,
    HaProxy,
    Caddy,
}

/// A proxy that runs. Ends when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Running {
    /// Which.
    pub proxy: Proxy,
    /// Where it listens.
    pub port: u16,
    process: Process,
    _folder: Folder,
}

// ===== impl Proxy =====

impl Proxy {
    /// All that are tested.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Caddy];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "HAProxy",
            Self::Caddy => "Caddy",
        }
    }

    const fn config(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => ("nginx.conf", include_str!("../data/nginx.conf")),
            Self::HaProxy => ("haproxy.cfg", include_str!("../data/haproxy.cfg")),
            Self::Caddy => ("Caddyfile", include_str!("../data/Caddyfile")),
        }
    }

    fn command(self, folder: &str) -> Command {
        let (program, arguments) = match self {
            Self::Nginx => ("nginx", "-p . -g daemon_off; -e error.log -c"),
            Self::HaProxy => ("haproxy", "-db -f"),
            Self::Caddy => ("caddy", "run --adapter caddyfile --config"),
        };
        let words = arguments.split(' ').map(|word| word.replace('_', " "));
        let mut command = Command::new(program);
        command
            .args(words)
            .arg(format!("{folder}/{}", self.config().0));
        command.current_dir(folder).env("HOME", folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts it on a port, in front of a server. It connects from [`SOURCE`], if it can be told.
    ///
    /// # Panics
    ///
    /// Panics if it does not start, or does not listen after five seconds.
    #[must_use]
    pub fn start(self, port: u16, upstream: SocketAddr) -> Running {
        self.start_with(port, upstream, "")
    }

    /// As [`start`](Self::start), with more to say about the server to HAProxy.
    ///
    /// # Panics
    ///
    /// Panics if it does not start, or does not listen after five seconds.
    #[must_use]
    pub fn start_with(self, port: u16, upstream: SocketAddr, options: &str) -> Running {
        let folder = Folder::new(&format!("{}-{port}", self.name()));
        let path = folder.path().display().to_string();
        let (name, config) = self.config();
        let config = config
            .replace("{folder}", &path)
            .replace("{port}", &port.to_string())
            .replace("{upstream}", &upstream.to_string())
            .replace("{source}", SOURCE)
            .replace("{options}", options);
        fs::write(folder.path().join(name), config).expect("is written");
        let process = Process::start(&mut self.command(&path));
        assert!(listens(port), "{} does not listen", self.name());
        Running {
            proxy: self,
            port,
            process,
            _folder: folder,
        }
    }
}

// ===== impl Running =====

impl Running {
    /// Where it listens, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A master that is killed leaves its workers behind.
        self.process.terminate();
    }
}

/// Waits until something listens on a port, five seconds at most. Returns whether it does.
fn listens(port: u16) -> bool {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

/// The address that a proxy connects from. Caddy connects from 127.0.0.1.
pub const SOURCE: &str = "127.0.0.100";
