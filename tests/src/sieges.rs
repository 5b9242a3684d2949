//! Sieges of the demo, of servers that are not ours, and of proxies in front of one.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{net::SocketAddr, process::Stdio};

use portcullis::api_key::ApiKey;
use portcullis_siege::{Profile, Report, Siege, Target};

use crate::{
    program::{Folder, Process, free_port, server},
    proxies::{Proxy, Running, SOURCE},
};

/// A server that is not ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all that are tested")]
pub enum Peer {
    /// axum with `axum::serve`.
    Plain,
    /// Today's usual layers around it.
    Composed,
}

/// A siege of the demo, with every proxy in front of it too.
///
/// # Panics
///
/// Panics if a server does not start.
pub async fn of_demo(port: u16, only: &[&str]) -> Report {
    let (folder, key) = (Folder::new(&format!("demo-{port}")), key());
    let trusted = format!("{SOURCE},127.0.0.1");
    let variables = [
        ("PORT", &*port.to_string()),
        ("API_KEYS", &key),
        ("TRUSTED_PROXIES", &trusted),
        ("DRAIN_SECONDS", "5"),
    ];
    let mut command = server("demo");
    let launch = command.get_program().to_string_lossy().into_owned();
    let command = command.envs(variables).stderr(folder.file("log"));
    let (demo, _) = Process::until(command, "listening on ");
    let mut profile = Profile::parse(DEMO).expect("a profile");
    profile.keys.valid = Some(key.clone());
    profile.sinks.log = Some(folder.path().join("log"));
    profile.launch.command = vec![launch];
    let launched = [("API_KEYS", &key), ("TRUSTED_PROXIES", &trusted)];
    let launched = launched.map(|(name, value)| (name.to_owned(), value.clone()));
    profile.launch.env.extend(launched);
    let fronts = fronts(address(port));
    for front in &fronts {
        let name = front.proxy.name().to_owned();
        profile.proxy.fronts.insert(name, front.url());
    }
    let report = siege(&url(port), profile, only).await;
    drop(demo);
    report
}

/// A siege of a server that is not ours.
///
/// # Panics
///
/// Panics if it does not start.
pub async fn of_peer(peer: Peer, port: u16, only: &[&str]) -> Report {
    let folder = Folder::new(&format!("peer-{port}"));
    let (server, mut profile) = start(peer, port, folder.file("log"));
    // The plain one has no log; what the runtime prints is none.
    if peer == Peer::Composed {
        profile.sinks.log = Some(folder.path().join("log"));
    }
    let report = siege(&url(port), profile, only).await;
    drop(server);
    report
}

/// A siege of a proxy in front of a plain handler.
///
/// # Panics
///
/// Panics if one of them does not start.
pub async fn of_proxy(proxy: Proxy, port: u16, only: &[&str]) -> Report {
    let behind = free_port();
    let (handler, mut profile) = start(Peer::Plain, behind, Stdio::null());
    profile.limits.connections = 4096;
    // What is launched would be the handler, not the proxy.
    profile.launch.command.clear();
    let front = proxy.start(port, address(behind));
    let report = siege(&front.url(), profile, only).await;
    drop(handler);
    report
}

/// A siege of a server of the gallery, through a proxy.
///
/// # Panics
///
/// Panics if one of them does not start.
pub async fn of_gallery(fault: Option<&str>, proxy: Proxy, only: &[&str]) -> Report {
    let port = free_port();
    let mut command = server("gallery");
    let command = command.args(["--port", &port.to_string()]);
    command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
    let (gallery, _) = Process::until(command, "listening on ");
    let front = proxy.start(free_port(), address(port));
    let mut profile = Profile::parse(GALLERY).expect("a profile");
    let name = proxy.name().to_owned();
    profile.proxy.fronts.insert(name, front.url());
    let report = siege(&url(port), profile, only).await;
    drop(gallery);
    report
}

fn start(peer: Peer, port: u16, log: impl Into<Stdio>) -> (Process, Profile) {
    let (name, text) = match peer {
        Peer::Plain => ("plain", PLAIN),
        Peer::Composed => ("composed", COMPOSED),
    };
    let key = key();
    let mut command = server("peers");
    let launch = command.get_program().to_string_lossy().into_owned();
    let command = command.args([name, &port.to_string()]);
    command.env("API_KEYS", &key).stderr(log);
    let (process, _) = Process::until(command, "listening on ");
    let mut profile = Profile::parse(text).expect("a profile");
    profile.launch.command = vec![launch, name.to_owned(), "{port}".to_owned()];
    profile
        .launch
        .env
        .insert("API_KEYS".to_owned(), key.clone());
    if peer == Peer::Composed {
        profile.keys.valid = Some(key);
    }
    (process, profile)
}

fn fronts(upstream: SocketAddr) -> Vec<Running> {
    let start = |proxy: Proxy| proxy.start(free_port(), upstream);
    Proxy::ALL.into_iter().map(start).collect()
}

async fn siege(url: &str, profile: Profile, only: &[&str]) -> Report {
    let target = Target::parse(url, None).await.expect("a target");
    let siege = Siege::new(target, profile).only(only.iter().copied());
    let siege = siege.prepare().await.expect("a siege");
    siege.run(std::future::pending(), |_| {}).await
}

fn key() -> String {
    ApiKey::generate("pk")
        .expect("a prefix")
        .expose()
        .to_owned()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

const DEMO: &str = include_str!("../../examples/demo/siege.toml");
const GALLERY: &str = include_str!("../gallery/siege.toml");
const PLAIN: &str = include_str!("../data/plain.toml");
const COMPOSED: &str = include_str!("../data/composed.toml");
