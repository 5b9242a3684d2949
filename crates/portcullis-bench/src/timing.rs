//! That time tells nothing of a key: instructions counted, and times compared as dudect does
//! (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2016), with a comparison
//! beside that must be found out.

use std::{cell::RefCell, hint::black_box, process::Command};

use dudect_bencher::{
    BenchRng, Class, CtRunner,
    ctbench::{BenchMetadata, BenchName, BenchOpts, run_benches_console},
    rand::RngExt,
};

use portcullis::Reply;

use crate::{
    Outcome, document,
    goals::Judged,
    keys::{Door, SAME, Wrong, request},
    loopback, measure,
    report::{grouped, line},
};

/// Measures, writes the table, and returns its goals.
pub(crate) fn table() -> Outcome<Vec<Judged>> {
    let mut text = String::from("| what is wrong with a key | instructions |\n|---|---:|\n");
    let mut counts = Vec::new();
    for stack in &SAME {
        let count = measure::instructions(stack)?;
        line(&mut text, &[stack.name.into(), grouped(count)]);
        counts.push(count);
    }
    let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
    let most = counts.iter().copied().fold(0.0, f64::max);
    let mut goals = vec![Judged::new(SAME_COUNT, 0.0, Some(most - least))];
    text.push_str("\n| two classes of requests | largest t |\n|---|---:|\n");
    for (name, found) in dudect()? {
        line(&mut text, &[name.clone(), format!("{found:.1}")]);
        goals.push(if name == CONTROL {
            Judged::new(FOUND, 1.0, Some(FOUND_AT / found))
        } else {
            Judged::new(NOT_FOUND, LEAKS_AT, Some(found))
        });
    }
    goals.extend(loopback::table(&mut text)?);
    document::write_table("timing", &text, &goals)?;
    Ok(goals)
}

/// Returns names and the smallest t of three runs: a difference that is there is in each of them, and a
/// busy machine is not.
fn dudect() -> Outcome<Vec<(String, f64)>> {
    let mut least = once()?;
    for _ in 1..RUNS {
        let found = once()?;
        for ((_, least), (_, t)) in least.iter_mut().zip(found) {
            *least = least.min(t);
        }
    }
    Ok(least)
}

/// Runs this program again, as dudect prints what it finds.
fn once() -> Outcome<Vec<(String, f64)>> {
    let output = Command::new(std::env::current_exe()?)
        .arg("dudect")
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let found = text.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("bench ")?.split_once(" ... : ")?;
        let (_, t) = rest.split_once("max t = ")?;
        let (t, _) = t.split_once(',')?;
        Some((name.trim().to_owned(), t.parse::<f64>().ok()?.abs()))
    });
    let found: Vec<_> = found.collect();
    if found.len() == PAIRS.len() + 1 {
        Ok(found)
    } else {
        Err(format!("dudect found {found:?}").into())
    }
}

/// The inner command.
pub(crate) fn run() -> Outcome<()> {
    let bench = |name, benchfn| BenchMetadata {
        name: BenchName(name),
        seed: None,
        benchfn,
    };
    let pairs = PAIRS.map(|(name, benchfn)| bench(name, benchfn));
    let all = pairs.into_iter().chain([bench(CONTROL, control)]);
    Ok(run_benches_console(BenchOpts::default(), all.collect())?)
}

type Pair = (&'static str, fn(&mut CtRunner, &mut BenchRng));

const PAIRS: [Pair; 5] = [
    ("the same twice", |runner, rng| {
        compare(runner, rng, [Wrong::Expired, Wrong::Expired]);
    }),
    ("first letter, last letter", |runner, rng| {
        compare(runner, rng, [Wrong::Secret(0), Wrong::Secret(42)]);
    }),
    ("wrong secret, not valid yet", |runner, rng| {
        compare(runner, rng, [Wrong::Secret(0), Wrong::Early]);
    }),
    ("wrong secret, expired", |runner, rng| {
        compare(runner, rng, [Wrong::Secret(0), Wrong::Expired]);
    }),
    ("expired, revoked", |runner, rng| {
        compare(runner, rng, [Wrong::Expired, Wrong::Revoked]);
    }),
];

/// Times requests of two classes, in a random order.
fn compare(runner: &mut CtRunner, rng: &mut BenchRng, wrong: [Wrong; 2]) {
    let door = Door::new(10);
    let keys = wrong.map(|wrong| door.text(wrong));
    for _ in 0..SAMPLES {
        let class = usize::from(rng.random::<bool>());
        // Made anew, so that both classes are in the same places of memory.
        let parts = RefCell::new(request(black_box(&keys[class])));
        let class = [Class::Left, Class::Right][class];
        runner.run_one(class, || {
            door.judge(&mut parts.borrow_mut(), &mut Reply::default())
        });
    }
}

/// A comparison that stops at the first difference: of digests that differ at once, and in the last byte.
fn control(runner: &mut CtRunner, rng: &mut BenchRng) {
    let known: [u8; 32] = rng.random();
    for _ in 0..SAMPLES {
        let (class, at) = if rng.random::<bool>() {
            (Class::Left, 0)
        } else {
            (Class::Right, 31)
        };
        let mut presented = known;
        presented[at] ^= 1;
        runner.run_one(class, || leaky(&known, &presented));
    }
}

#[inline(never)]
fn leaky(known: &[u8], presented: &[u8]) -> bool {
    for (one, other) in known.iter().zip(presented) {
        if black_box(*one) != *other {
            return false;
        }
    }
    true
}

const CONTROL: &str = "control: a loop that stops early";
pub(crate) const RUNS: usize = 3;
const SAMPLES: usize = 100_000;
/// As dudect has it: below that is no evidence.
pub(crate) const LEAKS_AT: f64 = 4.5;
/// Where the control must be, for the run to prove anything.
pub(crate) const FOUND_AT: f64 = 10.0;
const SAME_COUNT: &str = "instructions between the dearest wrong key and the cheapest";
const NOT_FOUND: &str = "largest t of two classes of wrong keys";
const FOUND: &str = "ten over the t of the control";
