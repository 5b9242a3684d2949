//! The outer command: runs this program again for each stack and makes figures of what it says.

use std::process::{Command, Stdio};

use crate::{
    Outcome,
    drive::{COUNTED, Cost},
    figures::{Figures, Row, Rows},
    stack::Stack,
};

/// Two counts of turns under callgrind. Going in and out is in both, so the difference is the
/// turns alone.
const FEW: u64 = 2_000;
const MANY: u64 = 6_000;

/// Turns of a native round, and how many rounds the median is of.
const NATIVE: u64 = 20_000;
const ROUNDS: usize = 11;

/// Measures every stack given.
pub(crate) fn rows(stacks: &[Stack]) -> Outcome<Rows> {
    let times = times(stacks)?;
    let rows = stacks.iter().zip(times).map(|(stack, nanoseconds)| {
        let figures = Figures {
            nanoseconds,
            ..exact(stack)?
        };
        Ok(Row {
            stack: *stack,
            figures,
        })
    });
    rows.collect::<Outcome<_>>().map(Rows)
}

/// The instructions of one turn of a stack.
pub(crate) fn instructions(stack: &Stack) -> Outcome<f64> {
    eprintln!("counting {}", stack.name);
    let difference = under_callgrind(stack, MANY)? - under_callgrind(stack, FEW)?;
    Ok(difference / (MANY - FEW) as f64)
}

/// The figures that a machine does not change.
fn exact(stack: &Stack) -> Outcome<Figures> {
    let cost = natively(stack, FEW)?;
    Ok(Figures {
        instructions: instructions(stack)?,
        allocations: cost.asked.allocations as f64 / FEW as f64,
        bytes: cost.asked.bytes as f64 / FEW as f64,
        nanoseconds: 0.0,
    })
}

/// Nanoseconds per turn of each stack: every round measures all of them, so that a slow minute
/// of the machine falls on all.
fn times(stacks: &[Stack]) -> Outcome<Vec<f64>> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); stacks.len()];
    for round in 1..=ROUNDS {
        eprintln!("timing, round {round} of {ROUNDS}");
        for (stack, times) in stacks.iter().zip(&mut rounds) {
            let cost = natively(stack, NATIVE)?;
            times.push(cost.time.as_nanos() as f64 / NATIVE as f64);
        }
    }
    Ok(rounds.into_iter().map(median).collect())
}

/// The value in the middle; zero of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn natively(stack: &Stack, turns: u64) -> Outcome<Cost> {
    let this = Command::new(std::env::current_exe()?);
    String::from_utf8(output(this, stack, turns)?.stdout)?.parse()
}

/// The instructions of a whole run.
fn under_callgrind(stack: &Stack, turns: u64) -> Outcome<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(std::env::current_exe()?);
    let said = String::from_utf8(output(valgrind, stack, turns)?.stderr)?;
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or("callgrind does not say what it collected")?;
    Ok(count.trim().parse()?)
}

fn output(mut command: Command, stack: &Stack, turns: u64) -> Outcome<std::process::Output> {
    command.args(["run", stack.name]).arg(turns.to_string());
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}: {said}", stack.name, output.status).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_value_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
