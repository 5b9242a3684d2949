//! Whole stacks over loopback: wrk on one core against a server on the other.

use std::process::ExitCode;

use crate::{
    Outcome, document,
    measure::median,
    report::{grouped, line},
    stack::Stack,
    stacks::{BARE, STACKS},
};

mod load;
mod server;

pub(crate) use server::serve;

/// Rounds that the median is of; each measures every stack, so that a slow minute falls on all.
const ROUNDS: usize = 7;

/// What one stack showed in every round.
struct Shown {
    stack: &'static Stack,
    rounds: Vec<load::Load>,
}

/// Measures the stacks that are marked so and writes the table.
pub(crate) fn table() -> Outcome<ExitCode> {
    let mut all: Vec<Shown> = STACKS
        .iter()
        .filter(|stack| stack.on_the_wire)
        .map(Shown::new)
        .collect();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for shown in &mut all {
            let server = server::Server::start(shown.stack)?;
            shown.rounds.push(load::put(&server, shown.stack)?);
        }
    }
    let text = markdown(&all)?;
    document::write("wire", &text)?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

impl Shown {
    fn new(stack: &'static Stack) -> Self {
        Self {
            stack,
            rounds: Vec::with_capacity(ROUNDS),
        }
    }

    /// The median over the rounds of a figure over the bare stack's in the same round.
    fn over(&self, bare: &Self, figure: fn(&load::Load) -> f64) -> f64 {
        let rounds = self.rounds.iter().zip(&bare.rounds);
        median(
            rounds
                .map(|(ours, bare)| figure(ours) / figure(bare))
                .collect(),
        )
    }
}

fn markdown(all: &[Shown]) -> Outcome<String> {
    let bare = all.iter().find(|shown| shown.stack.name == BARE);
    let bare = bare.ok_or("the bare stack was not measured")?;
    let mut text = String::from(
        "| stack | requests/s | requests/s over bare | server CPU per request over bare |\n\
         |---|---:|---:|---:|\n",
    );
    for shown in all {
        let rates = shown.rounds.iter().map(|load| load.per_second).collect();
        let cells = [
            shown.stack.name.into(),
            grouped(median(rates)),
            format!("{:.2}", shown.over(bare, |load| load.per_second)),
            format!("{:.2}", shown.over(bare, |load| load.cpu)),
        ];
        line(&mut text, &cells);
    }
    Ok(text)
}
