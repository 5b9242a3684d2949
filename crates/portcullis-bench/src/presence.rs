//! The pauses of a limiter whose clients come and go: a thousand new ones in each of a thousand
//! steps, whose quotas are whole again five steps later. No check may wait while the limiter
//! forgets the others.

use std::{thread, time::Duration};

use cpu_time::ThreadTime;
use portcullis::{
    Quota,
    rate_limit::{Key, Limiter},
};

use crate::{
    Outcome, document,
    goals::Judged,
    report::{grouped, line},
};

/// Measures, writes the table, and returns its goal.
pub(crate) fn table() -> Outcome<Vec<Judged>> {
    let times = times()?;
    let mean = times.iter().sum::<u64>() as f64 / times.len() as f64;
    let at = |part: f64| times[(times.len() as f64 * part) as usize] as f64;
    let longest = times.last().copied().unwrap_or_default() as f64;
    let mut text = String::from("| a check | nanoseconds |\n|---|---:|\n");
    for (name, figure) in [
        ("mean", mean),
        ("1 of 10,000", at(0.9999)),
        ("longest of 1,000,000", longest),
    ] {
        line(&mut text, &[name.into(), grouped(figure)]);
    }
    let goals = vec![Judged::new(GOAL, 1.0, Some(longest / 1e6))];
    document::write_table("presence", &text, &goals)?;
    Ok(goals)
}

/// Returns the processor's time of every check in nanoseconds, sorted. What other programs do to
/// this thread is no pause of ours.
fn times() -> Outcome<Vec<u64>> {
    let limiter = Limiter::with_keys(Quota::new(1, 5 * STEP)?, 40_000);
    let mut times = Vec::with_capacity(1_000_000);
    for step in 0..1_000 {
        for client in 0..1_000 {
            let key = Key::from_name(format!("{step}/{client}"));
            let started = ThreadTime::now();
            let admitted = limiter.check(&key).is_ok();
            times.push(started.elapsed().as_nanos() as u64);
            if !admitted {
                return Err(format!("client {client} of step {step} was refused").into());
            }
        }
        thread::sleep(STEP);
    }
    times.sort_unstable();
    Ok(times)
}

const GOAL: &str = "milliseconds of the longest check";
const STEP: Duration = Duration::from_millis(6);
