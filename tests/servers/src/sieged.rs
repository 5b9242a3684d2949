//! Servers to attack, each with what the siege should know of it.

use std::{net::SocketAddr, process::Stdio};

use crate::{
    program::{Folder, Process, free_port, server},
    proxies::{Proxy, Running, SOURCE},
};

/// A server to attack, with the proxies in front of it. Ends when it is dropped.
#[derive(Debug)]
pub struct Sieged {
    url: String,
    profile: String,
    _server: Process,
    _proxies: Vec<Running>,
    _folder: Option<Folder>,
}

/// A server that is not ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all that are tested")]
pub enum Peer {
    /// axum with `axum::serve`.
    Plain,
    /// Today's usual layers around it.
    Composed,
}

// ===== impl Sieged =====

impl Sieged {
    /// Starts the demo with a key, and every proxy in front of it.
    ///
    /// # Panics
    ///
    /// Panics if one of them does not start.
    #[must_use]
    pub fn demo(port: u16, key: &str) -> Self {
        let folder = Folder::new(&format!("demo-{port}"));
        let trusted = format!("{SOURCE},127.0.0.1");
        let mut command = server("demo");
        let program = command.get_program().display().to_string();
        command.env("PORT", port.to_string()).env("API_KEYS", key);
        command.env("TRUSTED_PROXIES", &trusted);
        command.env("TOKEN_KEY", TOKEN_KEY);
        command.env("SIGNATURE_SECRET", SIGNATURE_SECRET);
        command.env("CORS_ORIGINS", "https://app.example");
        command.env("AUDIT_FILE", folder.path().join("audit"));
        command.env("DRAIN_SECONDS", "5").stderr(folder.file("log"));
        let (process, _) = Process::until(&mut command, "listening on ");
        let proxies = Proxy::ALL.map(|proxy| proxy.start(free_port(), address(port)));
        let launch = format!("API_KEYS = '{key}', TRUSTED_PROXIES = '{trusted}'");
        let profile = replaced(DEMO, "env:API_KEYS", key);
        let profile = replaced(&profile, "target/release/demo", &program);
        let profile = replaced(&profile, "env = { ", &format!("env = {{ {launch}, "));
        let profile = replaced(&profile, "env:SIGNATURE_SECRET", SIGNATURE_SECRET);
        let profile = replaced(&profile, "env:TOKEN_KEY", &TOKEN_KEY.replace('\n', "\\n"));
        let profile = replaced(&profile, "[sinks]\n", &log(&folder));
        let audit = folder.path().join("audit").display().to_string();
        let audit = format!("audit = '{audit}'");
        let profile = replaced(&profile, "audit = \"target/demo-audit.jsonl\"", &audit);
        let verifier = server("portcullis").get_program().display().to_string();
        let profile = replaced(&profile, "target/release/portcullis", &verifier);
        Self {
            url: url(port),
            profile: profile + &fronts(&proxies),
            _server: process,
            _proxies: proxies.into(),
            _folder: Some(folder),
        }
    }

    /// Starts a server that is not ours. The composed one checks the key.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn peer(peer: Peer, port: u16, key: &str) -> Self {
        let folder = Folder::new(&format!("peer-{port}"));
        let (server, program) = peer.start(port, key, folder.file("log"));
        let launch = format!(
            "\n[launch]\ncommand = ['{program}', '{}', '{{port}}']\nenv = {{ API_KEYS = '{key}' }}\n",
            peer.name()
        );
        // The plain one has no log; what the runtime prints is none.
        let more = match peer {
            Peer::Plain => String::new(),
            Peer::Composed => format!("\n[keys]\nvalid = '{key}'\n{}", log(&folder)),
        };
        Self {
            url: url(port),
            profile: peer.profile().to_owned() + &launch + &more,
            _server: server,
            _proxies: Vec::new(),
            _folder: Some(folder),
        }
    }

    /// Starts a proxy in front of the plain server.
    ///
    /// # Panics
    ///
    /// Panics if one of them does not start.
    #[must_use]
    pub fn proxy(proxy: Proxy, port: u16) -> Self {
        let behind = free_port();
        let (server, _) = Peer::Plain.start(behind, "", Stdio::null());
        let running = proxy.start(port, address(behind));
        Self {
            url: running.url(),
            profile: replaced(PLAIN, "connections = 1000", "connections = 4096"),
            _server: server,
            _proxies: vec![running],
            _folder: None,
        }
    }

    /// Starts a server of the gallery, and a proxy in front of it.
    ///
    /// # Panics
    ///
    /// Panics if one of them does not start.
    #[must_use]
    pub fn gallery(fault: Option<&str>, proxy: Proxy) -> Self {
        let port = free_port();
        let mut command = server("gallery");
        command.args(["--port", &port.to_string()]);
        command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
        let (server, _) = Process::until(&mut command, "listening on ");
        let proxies = [proxy.start(free_port(), address(port))];
        Self {
            url: url(port),
            profile: GALLERY.to_owned() + &fronts(&proxies),
            _server: server,
            _proxies: proxies.into(),
            _folder: None,
        }
    }

    /// Where it listens, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the siege should know of it, as TOML.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }
}

// ===== impl Peer =====

impl Peer {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Composed => "composed",
        }
    }

    const fn profile(self) -> &'static str {
        match self {
            Self::Plain => PLAIN,
            Self::Composed => COMPOSED,
        }
    }

    /// Starts it, and returns the path of its program too.
    fn start(self, port: u16, key: &str, log: impl Into<Stdio>) -> (Process, String) {
        let mut command = server("peers");
        let program = command.get_program().display().to_string();
        command.args([self.name(), &port.to_string()]);
        command.env("API_KEYS", key).stderr(log);
        let (process, _) = Process::until(&mut command, "listening on ");
        (process, program)
    }
}

/// The part of a profile that names the log.
fn log(folder: &Folder) -> String {
    let path = folder.path().join("log");
    format!("\n[sinks]\nlog = '{}'\n", path.display())
}

/// The part of a profile that names the proxies.
fn fronts(proxies: &[Running]) -> String {
    let line = |running: &Running| format!("{} = '{}'\n", running.proxy.name(), running.url());
    let lines: String = proxies.iter().map(line).collect();
    format!("\n[proxy.fronts]\n{lines}")
}

#[track_caller]
fn replaced(profile: &str, part: &str, with: &str) -> String {
    assert!(profile.contains(part), "the profile has no {part:?}");
    profile.replacen(part, with, 1)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Of these tests' demo, and of nothing else.
const TOKEN_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEZ2DIpv3e6Fu6iZJiGk1NhTRnGbRcfheySRzrz6aZHJ\n-----END PRIVATE KEY-----\n";
const SIGNATURE_SECRET: &str = "5f1d6a1c0c3b4f6f9a0e8d7c6b5a49382716";

const DEMO: &str = include_str!("../../../examples/demo/siege.toml");
const GALLERY: &str = include_str!("../../../crates/portcullis-siege/examples/gallery/siege.toml");
const PLAIN: &str = include_str!("../data/plain.toml");
const COMPOSED: &str = include_str!("../data/composed.toml");
