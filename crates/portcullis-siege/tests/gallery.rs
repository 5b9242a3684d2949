//! The harness, tested on servers that are wrong in one known way each: every fault is found by its
//! attack, and nothing is found on the server that has none.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use portcullis_siege::{Level, Limits, Profile, Report};

use crate::{faults::Fault, running::Running};

// An example's own unit tests run only in place of the example. They run here.
#[path = "../examples/gallery/chunks.rs"]
mod chunks;
#[path = "../examples/gallery/faults/mod.rs"]
mod faults;
#[path = "support/found.rs"]
mod found;
#[path = "support/running.rs"]
mod running;

/// A server of the gallery. Its files go when it is dropped.
struct Server {
    running: Running,
    folder: PathBuf,
    fault: Option<String>,
}

impl Server {
    fn start(fault: Option<&str>) -> Self {
        let name = format!(
            "gallery-{}-{}",
            std::process::id(),
            fault.unwrap_or("right")
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(&*GALLERY);
        command
            .arg("--log")
            .arg(folder.join("log"))
            .arg("--audit")
            .arg(folder.join("audit"));
        command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
        Self {
            running: Running::start(&mut command),
            folder,
            fault: fault.map(str::to_owned),
        }
    }

    /// What is known of it: its profile, its files, and how to start another.
    fn profile(&self) -> Profile {
        let (folder, gallery) = (self.folder.display(), &*GALLERY);
        let fault = self
            .fault
            .iter()
            .map(|fault| format!(", \"--fault\", \"{fault}\""));
        let fault: String = fault.collect();
        let more = format!(
            "[sinks]\nlog = \"{folder}/log\"\naudit = \"{folder}/audit\"\n\
             verify = [\"{gallery}\", \"verify\", \"{{file}}\"]\n\
             [launch]\ncommand = [\"{gallery}\", \"--port\", \"{{port}}\"{fault}]\n"
        );
        let is_own = self
            .fault
            .as_deref()
            .is_some_and(|fault| OF_OWN_KEYS.contains(&fault));
        let known = if is_own {
            with_own_key()
        } else {
            KNOWN.to_owned()
        };
        let mut profile = Profile::parse(&(known + &more)).unwrap();
        if self.fault.iter().any(|fault| fault.starts_with("front-")) {
            // It is its own proxy.
            let front = ("the gallery".to_owned(), self.running.url.clone());
            profile.proxy.fronts.extend([front]);
        }
        profile
    }

    async fn siege(&self, only: &[&str]) -> Report {
        self.siege_with(self.profile(), only).await
    }

    async fn siege_with(&self, profile: Profile, only: &[&str]) -> Report {
        self.running.siege(profile, only).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What the attack said, if it did not find the fault.
async fn missed(fault: Fault, name: &str, attack: &str) -> Option<String> {
    // In these groups a fault is one thing wrong: what else it breaks would be a wrong server.
    let group = fault.group().to_string();
    let only = match fault.group() {
        'F' | 'G' => &group,
        _ => attack,
    };
    let report = Server::start(Some(name)).siege(&[only]).await;
    found::missed(&report, name, attack)
}

#[tokio::test]
async fn every_fault_is_found_by_its_attack() {
    assert!(faults::all().count() >= 200);
    let faults = faults::all()
        .map(|(fault, name, attack, _)| (attack.to_owned(), missed(fault, name, attack)));
    let missed = found::each(faults).await;

    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    let report = Server::start(None).siege(&[]).await;

    report.assert_held();
    let open = report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.verdict.is_held());
    let open: Vec<_> = open
        .map(|outcome| (outcome.id.as_str(), outcome.verdict.text()))
        .collect();
    assert_eq!(
        open,
        ["C20", "D11"].map(|id| (
            id,
            "no proxy in front of the server is given (proxy.fronts)"
        ))
    );
}

#[tokio::test]
async fn nothing_is_found_with_a_key_that_has_a_checksum() {
    let server = Server::start(None);
    let profile = Profile::parse(&with_own_key()).unwrap();
    let report = server.siege_with(profile, &["E"]).await;

    report.assert_held();
    let timing = report.outcomes.iter().find(|outcome| outcome.id == "E05");
    let timing = timing.unwrap().verdict.text();
    assert!(timing.contains("an unknown id against"), "{timing}");
}

#[tokio::test]
async fn what_was_not_promised_is_an_opinion_or_not_tested() {
    let server = Server::start(Some("header-timeout-missing"));
    let mut profile = server.profile();
    profile.limits = Limits::default();

    let report = server.siege_with(profile, &["B01", "B07", "B08"]).await;

    let judged = report.outcomes.iter();
    let judged: Vec<_> = judged
        .map(|outcome| (outcome.verdict.name(), outcome.level))
        .collect();
    assert_eq!(judged[0], ("breached", Level::Opinion));
    assert!(
        judged[1..].iter().all(|(name, _)| *name == "not tested"),
        "{judged:?}"
    );
    let what = report.outcomes[0].verdict.text();
    assert!(what.contains("not promised in the profile"), "{what}");
}

/// Whoever reads a report must not be able to use a key, nor guess what is left of one.
#[tokio::test]
async fn no_form_of_a_report_has_a_piece_of_a_key() {
    for fault in [
        "wrong-secret-differs",
        "key-prefix-enough",
        "key-case-ignored",
        "early-exit-comparison",
        "secret-early-exit",
    ] {
        let server = Server::start(Some(fault));
        let report = server.siege(&["E03", "E04", "E05"]).await;
        assert!(report.breaches().next().is_some(), "{fault}");
        let is_own = OF_OWN_KEYS.contains(&fault);
        assert_hidden(fault, &report, if is_own { OWN } else { VALID });
    }
}

/// A server that repeats a token, and its secret besides: the report has neither.
#[tokio::test]
async fn no_form_of_a_report_has_a_piece_of_a_token_or_of_what_made_it() {
    let profile = Server::start(None).profile();
    let pem = profile.tokens.unwrap().key.unwrap();
    let body: String = pem.lines().filter(|line| !line.contains("--")).collect();
    let server = Server::start(Some("token-repeated"));

    let report = server.siege(&["F14"]).await;

    assert!(report.breaches().next().is_some());
    assert_hidden("token-repeated", &report, &body);
    for form in forms(&report) {
        // What every token begins with: `{"`.
        assert!(!form.contains("eyJ"), "{form}");
    }
}

fn forms(report: &Report) -> [String; 8] {
    [
        report.to_text(false),
        report.to_text(true),
        report.to_json(),
        report.to_junit(),
        report.to_sarif(),
        report.to_markdown(),
        report.to_html(),
        format!("{report:?}"),
    ]
}

fn assert_hidden(fault: &str, report: &Report, secret: &str) {
    let secret = secret.to_ascii_lowercase();
    let pieces = secret.as_bytes().windows(6);
    let pieces: Vec<_> = pieces.map(|piece| str::from_utf8(piece).unwrap()).collect();
    for form in forms(report) {
        let form = form.to_ascii_lowercase();
        let piece = pieces.iter().find(|piece| form.contains(**piece));
        assert!(piece.is_none(), "{fault}: {piece:?} in {form}");
    }
}

#[test]
fn every_attack_has_a_fault() {
    let has_fault = |id: &str| faults::all().any(|(_, _, attack, _)| attack == id);
    let without = portcullis_siege::CATALOGUE
        .iter()
        .filter(|attack| !has_fault(attack.id));
    let without: Vec<_> = without.map(|attack| attack.id).collect();

    // Its fault stands behind real proxies; it has a test of its own there.
    assert_eq!(without, ["D11"]);
}

#[test]
fn a_fault_has_one_name() {
    let mut names: Vec<_> = faults::all().map(|(_, name, ..)| name).collect();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), faults::all().count());
    assert!(faults::all().all(|(fault, name, ..)| Fault::from_name(name) == Some(fault)));
    let list = Command::new(&*GALLERY).arg("--list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.lines().count(), faults::all().count());
    let unknown = Command::new(&*GALLERY)
        .args(["--fault", "none-such"])
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

/// The key that `siege.toml` knows.
const VALID: &str = "gal_valid_4f9c2b7d1e8a6053";

/// A key of the form that portcullis generates, with an id and a checksum.
const OWN: &str = "gal_own4f9c2b7d1_Q7mZ2kX9rT4vB6nL1pW8sY3cF5hJ0dG7aK2eU9iO4xR445TE0";
/// These faults are behind a checksum.
const OF_OWN_KEYS: [&str; 2] = ["unknown-id-faster", "secret-early-exit"];

fn with_own_key() -> String {
    KNOWN.replace(VALID, OWN)
}

/// The example of this package: Cargo builds it with the tests, and puts it into `examples` beside the
/// folder of this program.
static GALLERY: LazyLock<String> = LazyLock::new(|| {
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let gallery = profile.join("examples").join("gallery");
    assert!(
        gallery.exists(),
        "{} is not built: cargo build --package portcullis-siege --example gallery",
        gallery.display()
    );
    gallery.into_os_string().into_string().unwrap()
});

const KNOWN: &str = include_str!("../examples/gallery/siege.toml");
