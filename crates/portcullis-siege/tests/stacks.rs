//! The harness, tested on servers of other stacks than ours: nothing that a server must hold is found in
//! the right ones, and every fault is found by its attack.
//!
//! `gallery/STACK` has the server, its profile, and its faults: a name, the attack that finds it, what is
//! wrong.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use portcullis_siege::{Profile, Report};

use crate::running::Running;

#[path = "support/found.rs"]
mod found;
#[path = "support/running.rs"]
mod running;

/// A stack and its server.
struct Stack {
    folder: &'static str,
    /// What runs or builds the server, and the package that has it.
    program: &'static str,
    package: &'static str,
    /// The file that is run, and how the names of all of them end.
    source: &'static str,
    ending: &'static str,
    /// What it should hold and does not: what its parser takes (A42, A43).
    should: &'static [&'static str],
}

const PYTHON: Stack = Stack {
    folder: "python",
    program: "python3",
    package: "python3",
    source: "server.py",
    ending: "py",
    should: &[],
};

const NODE: Stack = Stack {
    folder: "node",
    program: "node",
    package: "nodejs",
    source: "server.js",
    ending: "js",
    should: &["A42", "A43"],
};

const GO: Stack = Stack {
    folder: "go",
    program: "go",
    package: "golang-go",
    source: "main.go",
    ending: "go",
    should: &[],
};

// ===== impl Stack =====

impl Stack {
    fn file(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("gallery")
            .join(self.folder)
            .join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Every file of the server.
    fn sources(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.file("")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let is_source = |file: &PathBuf| file.extension().is_some_and(|end| end == self.ending);
        files.filter(is_source).collect()
    }

    /// The name, the attack and the rest of each row.
    fn faults(&self) -> Vec<(String, String)> {
        let rows = self.text("faults.txt");
        let rows = rows.lines().map(|row| row.splitn(3, ' '));
        rows.map(|mut row| {
            let (name, attack) = (row.next().unwrap(), row.next().unwrap());
            assert!(row.next().is_some(), "{name}: what is wrong?");
            (name.to_owned(), attack.to_owned())
        })
        .collect()
    }

    fn command(&self) -> Command {
        if self.folder == GO.folder {
            return Command::new(&*BUILT);
        }
        self.assert_installed();
        let mut command = Command::new(self.program);
        command.arg(self.file(self.source));
        command
    }

    fn assert_installed(&self) {
        let version = if self.folder == GO.folder {
            "version"
        } else {
            "--version"
        };
        let found = Command::new(self.program).arg(version).output();
        let (program, package) = (self.program, self.package);
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "{program} is not installed: apt-get install {package}"
        );
    }

    /// What is known of it, and how to start another one.
    fn profile(&self, fault: Option<&str>) -> Profile {
        let command = self.command();
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
        let fault = fault.map(|fault| ["--fault", fault]);
        let words = [&words, &["--port", "{port}"][..]].concat();
        let words = words.into_iter().chain(fault.into_iter().flatten());
        let words: Vec<_> = words.collect();
        let launch = format!("\n[launch]\ncommand = {words:?}\n");
        Profile::parse(&(self.text("siege.toml") + &launch)).unwrap()
    }

    async fn siege(&self, fault: Option<&str>, only: &[&str]) -> Report {
        let mut command = self.command();
        command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
        let server = Running::start(&mut command);
        server.siege(self.profile(fault), only).await
    }

    async fn assert_held(&self) {
        let report = self.siege(None, &[]).await;

        assert!(report.is_held(), "{}", report.to_text(false));
        let others = report.breaches().map(|outcome| outcome.id.as_str());
        let others: Vec<_> = others.filter(|id| !self.should.contains(id)).collect();
        assert!(others.is_empty(), "{}: {others:?}", self.folder);
    }

    /// A name, attacks, what no standard forbids: none of them may say that it must not be.
    async fn assert_lawful(&self) {
        for row in self.text("lawful.txt").lines() {
            let (name, rest) = row.split_once(' ').unwrap();
            let (attacks, _) = rest.split_once(' ').unwrap();
            let attacks: Vec<_> = attacks.split(',').collect();
            let report = self.siege(Some(name), &attacks).await;

            assert!(report.is_held(), "{name}: {}", report.to_text(false));
            let mut outcomes = report.outcomes.iter();
            let is_judged =
                outcomes.all(|outcome| outcome.verdict.is_held() || outcome.verdict.is_breached());
            assert!(is_judged, "{name}: {}", report.to_text(false));
        }
    }

    async fn assert_found(&'static self) {
        let faults = self.faults();
        assert!(faults.len() >= 20);
        let faults = faults.into_iter().map(|(name, attack)| {
            let id = attack.clone();
            let fault = async move {
                let report = self.siege(Some(&name), &[&attack]).await;
                found::missed(&report, &name, &attack)
            };
            (id, fault)
        });

        let missed = found::each(faults).await;

        assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
    }
}

/// The server in Go, built once for all its tests.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    GO.assert_installed();
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap().join("gallery-go");
    let done = Command::new("go")
        .args(["build", "-o"])
        .arg(&built)
        .args(GO.sources())
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "go build: {problem}");
    built
});

#[tokio::test]
async fn nothing_is_found_in_a_right_server_on_asyncio() {
    PYTHON.assert_held().await;
}

#[tokio::test]
async fn nothing_is_found_in_a_right_server_on_node() {
    NODE.assert_held().await;
}

#[tokio::test]
async fn nothing_is_found_in_a_right_server_in_go() {
    GO.assert_held().await;
}

#[tokio::test]
async fn what_no_standard_forbids_is_no_must_on_asyncio() {
    PYTHON.assert_lawful().await;
}

#[tokio::test]
async fn every_fault_on_asyncio_is_found_by_its_attack() {
    PYTHON.assert_found().await;
}

#[tokio::test]
async fn every_fault_on_node_is_found_by_its_attack() {
    NODE.assert_found().await;
}

#[tokio::test]
async fn every_fault_in_go_is_found_by_its_attack() {
    GO.assert_found().await;
}

#[test]
fn every_fault_has_one_name_and_is_planted() {
    for stack in [PYTHON, NODE, GO] {
        let sources = stack.sources().into_iter();
        let source: String = sources
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        let mut names: Vec<_> = stack.faults().into_iter().map(|(name, _)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), count, "{}", stack.folder);
        for name in names {
            let is_planted = source.contains(&format!("\"{name}\""));
            assert!(is_planted, "{}: {name} is nowhere", stack.folder);
        }
    }
}
