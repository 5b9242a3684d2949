//! The commands of this repository, run as `cargo xtask COMMAND`.
//!
//! `cargo xtask test` is what CI runs: it installs the tools that are missing, then
//! runs every step of [`steps::STEPS`] and stops at the first one that fails.
//! `cargo xtask test STEP` runs one of them. `cargo xtask sarif` gives reports of every size to
//! Microsoft's validator, which it installs; it is not among the steps, because it wants npm.
//!
//! Exit codes: 0 all passed, 1 a step failed, 2 wrong usage or a tool is missing.

#![expect(
    clippy::print_stdout,
    reason = "a command line program talks on standard output"
)]

mod command;
mod install;
mod report;
mod steps;
mod tools;

use std::{env, io, path::Path, process::ExitCode};

use report::Report;
use steps::{SARIF, STEPS, Step};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match words.as_slice() {
        ["test"] => test(STEPS),
        ["test", name @ ..] => test_one(&name.join(" ")),
        ["sarif"] => test(SARIF),
        _ => usage(),
    }
}

fn test_one(name: &str) -> ExitCode {
    match STEPS.iter().find(|step| step.name == name) {
        Some(step) => test(std::slice::from_ref(step)),
        None => usage(),
    }
}

fn test(steps: &[Step]) -> ExitCode {
    if let Err(error) = enter_root() {
        println!("the workspace's root cannot be entered: {error}");
        return ExitCode::from(WRONG_USAGE);
    }
    let mut report = Report::default();
    if !install::missing(steps, &mut report) {
        return ExitCode::from(WRONG_USAGE);
    }

    let passed = steps.iter().all(|step| step.run(&mut report));
    report.print(steps);
    ExitCode::from(u8::from(!passed))
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
    println!("       cargo xtask sarif        reports before Microsoft's validator");
    ExitCode::from(WRONG_USAGE)
}

const WRONG_USAGE: u8 = 2;
