//! What an edge costs, counted: instructions, allocations and bytes per request for whole stacks
//! and for single layers, ours and the peers'.
//!
//! `cargo run --release -p portcullis-bench -- table` measures every stack of [`stacks::STACKS`]
//! and writes the table of `docs/performance.md`. Each figure comes from a process of its own,
//! because subscribers and metric recorders are global: the program runs itself again with
//! `run STACK COUNT`, under callgrind for instructions and natively for the rest.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{error::Error, process::ExitCode};

mod allocator;
mod ask;
mod document;
mod drive;
mod figures;
mod goals;
mod limiter;
mod measure;
mod ours;
mod peers;
mod redis;
mod report;
mod stack;
mod stacks;
mod wire;

use crate::{
    figures::Rows,
    goals::{GOALS, Verdict},
    stack::Stack,
    stacks::STACKS,
};

/// What every fallible step of this program returns: its errors are for a reader.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match obey(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("portcullis-bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn obey(arguments: &[&str]) -> Outcome<ExitCode> {
    match arguments {
        ["table"] => table().map(|_| ExitCode::SUCCESS),
        ["table", "--check"] => table().map(|rows| check(&rows)),
        ["show", names @ ..] if !names.is_empty() => show(names),
        ["wire"] => wire::table(),
        ["redis"] => redis::table().map(|()| ExitCode::SUCCESS),
        ["limiter"] => limiter::table().map(|()| ExitCode::SUCCESS),
        ["limiter", store, work] => limiter::run(store, work).map(|()| ExitCode::SUCCESS),
        ["list"] => list(),
        ["run", name, count] => run(name, count),
        ["serve", name] => wire::serve(Stack::find(name)?),
        _ => Err(USAGE.into()),
    }
}

/// Measures every stack and writes the table.
fn table() -> Outcome<Rows> {
    let rows = measure::rows(STACKS)?;
    let text = format!("{}\n{}", report::stacks(&rows), report::goals(&rows));
    document::write("bench", &text)?;
    println!("{text}");
    Ok(rows)
}

/// Says which goals are missed, on standard error.
fn check(rows: &Rows) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for goal in GOALS {
        if let Verdict::Missed(figure) = goal.verdict(rows) {
            eprintln!(
                "goal missed: {}: {figure:.2}, at most {:.2}",
                goal.name, goal.at_most
            );
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Measures some stacks beside the bare one and only prints them.
fn show(names: &[&str]) -> Outcome<ExitCode> {
    for name in names {
        Stack::find(name)?;
    }
    let wanted = |stack: &&Stack| stack.name == stacks::BARE || names.contains(&stack.name);
    let some: Vec<Stack> = STACKS.iter().filter(wanted).copied().collect();
    println!("{}", report::stacks(&measure::rows(&some)?));
    Ok(ExitCode::SUCCESS)
}

fn list() -> Outcome<ExitCode> {
    for stack in STACKS {
        println!("{}: {}", stack.name, stack.has);
    }
    Ok(ExitCode::SUCCESS)
}

/// The inner command: does the work and prints what it took.
fn run(name: &str, count: &str) -> Outcome<ExitCode> {
    println!("{}", drive::run(Stack::find(name)?, count.parse()?)?);
    Ok(ExitCode::SUCCESS)
}

const USAGE: &str = "usage:
  table [--check]  measure every stack, write docs/performance.md; --check: fail on a missed goal
  show STACK..     measure some stacks beside the bare one, write nothing
  wire             measure whole stacks over loopback with wrk, write docs/performance.md
  limiter          measure limiters over several stores, write docs/performance.md
  redis            measure checks through a real Redis, write docs/performance.md
  list             name the stacks
  run STACK COUNT  (inner) send COUNT requests to one stack, print allocations, bytes, nanoseconds
  serve STACK      (inner) serve one stack on loopback until standard input closes";
