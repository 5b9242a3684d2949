//! The commands of this repository, run as `cargo xtask COMMAND`.
//!
//! `cargo xtask test` is what CI runs: it installs the tools that are missing, then
//! runs every step of [`steps::STEPS`] and stops at the first one that fails.
//! `cargo xtask test STEP` runs one of them. `cargo xtask fuzz SECONDS [TARGET]` fuzzes what reads
//! credentials for longer than its step does. Three commands are not among the steps:
//! `cargo xtask goals` compares the bench with its goals and wants a quiet machine;
//! `cargo xtask sarif` gives reports of every size to Microsoft's validator and wants npm;
//! `cargo xtask siege-docs` attacks the demo, servers that are not ours and real proxies, and writes
//! `docs/siege-*.md`; with `runs N` it attacks the demo N times, and fails if a verdict differs.
//!
//! Exit codes: 0 all passed, 1 a step failed, 2 wrong usage or a tool is missing.

#![expect(
    clippy::print_stdout,
    reason = "a command line program talks on standard output"
)]

mod command;
mod fuzz;
mod install;
mod report;
mod siege_docs;
mod steps;
mod tools;

use std::{env, io, path::Path, process::ExitCode};

use report::Report;
use steps::{GOALS, SARIF, STEPS, Step};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match words.as_slice() {
        ["test"] => run(STEPS, AfterFailure::Stop),
        ["test", name @ ..] => test_one(&name.join(" ")),
        ["fuzz"] => in_root(fuzz::short),
        ["fuzz", seconds] => in_root(|| fuzz::long(seconds, None)),
        ["fuzz", seconds, target] => in_root(|| fuzz::long(seconds, Some(target))),
        ["goals"] => run(GOALS, AfterFailure::GoOn),
        ["sarif"] => run(SARIF, AfterFailure::Stop),
        ["siege-docs"] => in_root(siege_docs::write),
        ["siege-docs", "runs", count] => in_root(|| siege_docs::runs(count)),
        _ => usage(),
    }
}

fn test_one(name: &str) -> ExitCode {
    match STEPS.iter().find(|step| step.name == name) {
        Some(step) => run(std::slice::from_ref(step), AfterFailure::Stop),
        None => usage(),
    }
}

/// What happens to the steps below one that failed.
#[derive(Clone, Copy, Debug)]
enum AfterFailure {
    Stop,
    GoOn,
}

fn run(steps: &[Step], after_failure: AfterFailure) -> ExitCode {
    in_root(|| {
        let mut report = Report::default();
        if !install::missing(steps, &mut report) {
            return ExitCode::from(WRONG_USAGE);
        }

        let passed = match after_failure {
            AfterFailure::Stop => steps.iter().all(|step| step.run(&mut report)),
            AfterFailure::GoOn => {
                let failed = steps.iter().filter(|step| !step.run(&mut report));
                failed.count() == 0
            }
        };
        report.print(steps);
        ExitCode::from(u8::from(!passed))
    })
}

fn in_root(command: impl FnOnce() -> ExitCode) -> ExitCode {
    if let Err(error) = enter_root() {
        println!("the workspace's root cannot be entered: {error}");
        return ExitCode::from(WRONG_USAGE);
    }
    command()
}

/// Commands and paths are relative to the root, wherever the command was typed.
fn enter_root() -> io::Result<()> {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    match Path::new(&package).parent() {
        Some(root) => env::set_current_dir(root),
        None => Ok(()),
    }
}

fn usage() -> ExitCode {
    println!("usage: cargo xtask test         everything CI runs, in this order:");
    for step in STEPS {
        println!("       cargo xtask test {}", step.name);
    }
    println!("       cargo xtask fuzz SECONDS [TARGET]");
    println!("       cargo xtask goals        the bench beside its goals");
    println!("       cargo xtask sarif        reports before Microsoft's validator");
    println!("       cargo xtask siege-docs   attacks servers, and writes docs/siege-*.md");
    println!("       cargo xtask siege-docs runs N");
    ExitCode::from(WRONG_USAGE)
}

const WRONG_USAGE: u8 = 2;
