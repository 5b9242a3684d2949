//! `cargo xtask siege-docs`: attacks the demo, servers that are not ours, and real proxies, and writes
//! what came of it to `docs/`.
//!
//! The sieges are the `portcullis` command's own, in processes of theirs: this program only starts the
//! servers and reads the JSON reports.

use std::{error::Error, fs, path::Path, process::ExitCode};

use servers::{
    program::{server, target},
    proxies::Proxy,
    sieged::{Peer, Sieged},
};

use crate::tools::{CADDY, HAPROXY, NGINX};

mod verdicts;

use self::verdicts::Verdicts;

/// The error is for a reader.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Attacks every server, and writes every document.
pub(crate) fn write() -> ExitCode {
    exit_code(documents())
}

/// Attacks the demo so many times, and fails if a verdict differs.
pub(crate) fn runs(count: &str) -> ExitCode {
    exit_code(same_verdicts(count))
}

fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("siege-docs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn documents() -> Result<()> {
    proxies_are_installed()?;
    let key = key()?;
    let demo = siege("demo", &Sieged::demo(DEMO, &key))?.section("The demo");
    let mut proxies = String::new();
    for proxy in Proxy::ALL {
        proxies += &siege(proxy.name(), &Sieged::proxy(proxy, PROXY))?.section(proxy.name());
    }
    let plain = siege("axum", &Sieged::peer(Peer::Plain, PEER, &key))?;
    let composed = siege("peers", &Sieged::peer(Peer::Composed, PEER, &key))?;
    for (file, text, sections) in [
        ("docs/siege-baseline.md", BASELINE, demo),
        ("docs/siege-proxies.md", PROXIES, proxies),
        ("docs/siege-axum.md", PLAIN, plain.section("The verdicts")),
        (
            "docs/siege-peers.md",
            COMPOSED,
            composed.section("The verdicts"),
        ),
    ] {
        fs::write(file, text.to_owned() + &sections)?;
    }
    Ok(())
}

fn same_verdicts(count: &str) -> Result<()> {
    proxies_are_installed()?;
    let count: usize = count.parse().map_err(|_| "runs: how many?")?;
    let key = key()?;
    let mut first = None;
    for run in 1..=count {
        let verdicts = siege("demo", &Sieged::demo(DEMO, &key))?;
        println!("{run} of {count}");
        let first = first.get_or_insert_with(|| verdicts.clone());
        let differ = first.differences(&verdicts);
        if !differ.is_empty() {
            return Err(format!("run {run} differs from the first: {}", differ.join(", ")).into());
        }
    }
    Ok(())
}

fn proxies_are_installed() -> Result<()> {
    let missing = [NGINX, HAPROXY, CADDY]
        .into_iter()
        .filter(|tool| tool.is_missing());
    let missing: Vec<_> = missing.map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing: {}; `cargo xtask test tests` installs them",
        missing.join(", ")
    )
    .into())
}

/// Attacks a server. The report goes to `target/siege`, as JSON and, with the evidence, as text.
fn siege(name: &str, sieged: &Sieged) -> Result<Verdicts> {
    let folder = target().join("siege");
    fs::create_dir_all(&folder)?;
    let file = |form: &str| folder.join(format!("{name}.{form}"));
    fs::write(file("toml"), sieged.profile())?;
    let mut command = server("portcullis");
    command
        .args(["siege", sieged.url(), "--profile"])
        .arg(file("toml"));
    command
        .args(["--format", "json", "--output"])
        .arg(file("json"));
    let status = command.stdout(fs::File::create(file("txt"))?).status()?;
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("the siege of {name} ended with {status}").into());
    }
    read(&file("json"))
}

fn read(path: &Path) -> Result<Verdicts> {
    let document = serde_json::from_str(&fs::read_to_string(path)?)?;
    let verdicts = Verdicts::from_json(&document);
    verdicts.ok_or_else(|| format!("{} is not a report", path.display()).into())
}

/// Returns a key that no one else has.
fn key() -> Result<String> {
    let output = server("portcullis").args(["key", "new"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let key = text.lines().find(|line| line.starts_with("pk_"));
    Ok(key.ok_or("`portcullis key new` prints no key")?.to_owned())
}

/// Where the servers listen, so that only what changed changes in the documents.
const DEMO: u16 = 18_080;
const PROXY: u16 = 18_090;
const PEER: u16 = 18_100;

const BASELINE: &str = include_str!("baseline.md");
const PROXIES: &str = include_str!("proxies.md");
const PLAIN: &str = include_str!("axum.md");
const COMPOSED: &str = include_str!("peers.md");
