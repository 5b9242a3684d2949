//! What an edge costs, counted: instructions, allocations and bytes per request for whole stacks
//! and for single layers, ours and the peers'.
//!
//! `cargo run --release -p portcullis-bench -- table` measures every stack of [`stacks::all`]
//! and writes its table in `docs/performance.md`. Each figure comes from a process of its own,
//! because subscribers and metric recorders are global: the program runs itself again with
//! `run STACK COUNT`, under callgrind for instructions and natively for the rest.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{error::Error, process::ExitCode};

mod access;
mod allocator;
mod ask;
mod document;
mod drive;
mod figures;
mod goals;
mod keys;
mod limiter;
mod loopback;
mod measure;
mod metrics;
mod observed;
mod ours;
mod outgoing;
mod peers;
mod presence;
mod redis;
mod report;
mod signed;
mod stack;
mod stacks;
mod timing;
mod wire;

use crate::{
    goals::{GOALS, Judged},
    stack::Stack,
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
        ["list"] => list(),
        ["show", names @ ..] if !names.is_empty() => show(names),
        ["dudect"] => timing::run().map(|()| ExitCode::SUCCESS),
        ["limiter", store, work] => limiter::run(store, work).map(|()| ExitCode::SUCCESS),
        ["run", name, count] => run(name, count),
        ["serve", name] => wire::serve(Stack::find(name)?),
        [table] => measure(table).map(|_| ExitCode::SUCCESS),
        [table, "--check"] => measure(table).map(|goals| check(&goals)),
        _ => Err(USAGE.into()),
    }
}

/// Measures a table, writes it, and returns its goals.
fn measure(table: &str) -> Outcome<Vec<Judged>> {
    match table {
        "table" => stacks(),
        "wire" => wire::table(),
        "redis" => redis::table(),
        "limiter" => limiter::table(),
        "presence" => presence::table(),
        "timing" => timing::table(),
        _ => Err(USAGE.into()),
    }
}

/// Every stack of the table.
fn every() -> impl Iterator<Item = &'static Stack> {
    stacks::all()
        .chain(&keys::COSTS)
        .chain(&signed::COSTS)
        .chain(&access::COSTS)
        .chain(&metrics::COSTS)
        .chain(&observed::COSTS)
}

fn stacks() -> Outcome<Vec<Judged>> {
    let all: Vec<Stack> = every().copied().collect();
    let rows = measure::rows(&all)?;
    let goals: Vec<_> = GOALS.iter().map(|goal| goal.judge(&rows)).collect();
    document::write_table("bench", &report::stacks(&rows), &goals)?;
    Ok(goals)
}

/// Prints the goals that are not met on standard error.
fn check(goals: &[Judged]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for complaint in goals.iter().filter_map(Judged::complaint) {
        eprintln!("goal not met: {complaint}");
        code = ExitCode::FAILURE;
    }
    code
}

/// Measures some stacks beside the bare one and only prints them.
fn show(names: &[&str]) -> Outcome<ExitCode> {
    for name in names {
        Stack::find(name)?;
    }
    let wanted = |stack: &&Stack| stack.name == stacks::BARE || names.contains(&stack.name);
    let some: Vec<Stack> = every().filter(wanted).copied().collect();
    println!("{}", report::stacks(&measure::rows(&some)?));
    Ok(ExitCode::SUCCESS)
}

fn list() -> Outcome<ExitCode> {
    for stack in stacks::all() {
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
  table            count what every stack takes for a request
  wire             measure whole stacks over loopback with wrk
  limiter          measure limiters over several stores
  presence         measure the pauses of a limiter whose clients come and go
  timing           count and time wrong API keys, which must all cost the same
  redis            measure checks through a real Redis
                   each of these writes docs/performance.md; with --check it fails on a missed goal
  show STACK..     count what some stacks take beside the bare one, write nothing
  list             name the stacks
  dudect           (inner) time pairs of wrong keys
  run STACK COUNT  (inner) send COUNT requests to one stack, print allocations, bytes, nanoseconds
  serve STACK      (inner) serve one stack on loopback until standard input closes";
