//! What a limiter's store costs: hot keys, a flood of new ones, and memory. Ours beside governor's
//! algorithm over the maps and caches that there are.

mod stores;
mod work;

use std::process::{Command, Stdio};

use self::{
    stores::{FIXED, OURS, STORES, Store},
    work::Flood,
};
use crate::{
    Outcome, document,
    goals::Judged,
    measure::median,
    report::{grouped, line},
};

/// One measured store.
struct Row {
    name: &'static str,
    /// Instructions of a check of 1,000 clients in turn.
    instructions: f64,
    /// Nanoseconds of one, by one thread and by two at once.
    times: [f64; 2],
    flood: Flood,
}

/// What is compared, and what a store's may at most be of the first one's.
struct Goal {
    name: &'static str,
    /// Of which store.
    store: &'static str,
    figure: fn(&Row) -> f64,
    at_most: f64,
}

const GOALS: &[Goal] = &[
    Goal {
        name: "instructions of a check by governor over our store, over its own",
        store: FIXED,
        figure: |row| row.instructions,
        at_most: 0.45,
    },
    Goal {
        name: "time of a check of 1,000 clients, one thread, over governor's",
        store: OURS,
        figure: |row| row.times[0],
        at_most: 0.65,
    },
    Goal {
        name: "the same with two threads",
        store: OURS,
        figure: |row| row.times[1],
        at_most: 0.55,
    },
    Goal {
        name: "time of a new key in a flood, over governor's",
        store: OURS,
        figure: |row| row.flood.mean as f64,
        at_most: 0.35,
    },
    Goal {
        name: "the slowest new key of 10,000, over governor's",
        store: OURS,
        figure: |row| row.flood.rare as f64,
        at_most: 1.0 / 3.0,
    },
];

/// Measures every store, writes the table, and returns its goals.
pub(crate) fn table() -> Outcome<Vec<Judged>> {
    let mut rows = Vec::new();
    for store in STORES {
        eprintln!("measuring {}", store.name);
        rows.push(measure(store)?);
    }
    let goals = goals(&rows);
    document::write_table("limiter", &report(&rows), &goals)?;
    Ok(goals)
}

/// The inner command: does one work with one store and prints what it took.
pub(crate) fn run(name: &str, work: &str) -> Outcome<()> {
    let store = STORES.iter().find(|store| store.name == name);
    let build = store.ok_or("no such store")?.build;
    if work == "flood" {
        println!("{}", work::flood(build)?);
        return Ok(());
    }
    let limiter = build();
    match work {
        "few" => println!("{}", work::hot(&*limiter, 1, FEW)),
        "many" => println!("{}", work::hot(&*limiter, 1, MANY)),
        "one" => println!("{}", work::hot(&*limiter, 1, CHECKS)),
        "two" => println!("{}", work::hot(&*limiter, 2, CHECKS)),
        _ => return Err("no such work".into()),
    }
    Ok(())
}

fn measure(store: &Store) -> Outcome<Row> {
    let time = |work| -> Outcome<f64> {
        let rounds = (0..ROUNDS).map(|_| Ok(natively(store, work)?.trim().parse()?));
        Ok(median(rounds.collect::<Outcome<_>>()?))
    };
    // What goals compare is measured more than once.
    let is_compared = [STORES[0].name, FIXED, OURS].contains(&store.name);
    let floods =
        (0..if is_compared { FLOODS } else { 1 }).map(|_| natively(store, "flood")?.parse());
    let counted = under_callgrind(store, "many")? - under_callgrind(store, "few")?;
    Ok(Row {
        name: store.name,
        instructions: counted / (MANY - FEW) as f64,
        times: [time("one")?, time("two")?],
        flood: Flood::median(&floods.collect::<Outcome<Vec<_>>>()?),
    })
}

fn natively(store: &Store, work: &str) -> Outcome<String> {
    let output = output(Command::new(std::env::current_exe()?), store, work)?;
    Ok(String::from_utf8(output.stdout)?)
}

fn under_callgrind(store: &Store, work: &str) -> Outcome<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={}", work::COUNTED))
        .arg(std::env::current_exe()?);
    let said = String::from_utf8(output(valgrind, store, work)?.stderr)?;
    let mut lines = said.lines();
    let collected = lines.find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or("callgrind does not say what it collected")?;
    Ok(count.trim().parse()?)
}

fn output(mut command: Command, store: &Store, work: &str) -> Outcome<std::process::Output> {
    command.args(["limiter", store.name, work]);
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(output)
}

fn report(rows: &[Row]) -> String {
    let mut text = String::from(
        "| store | instructions | one thread | two threads | new key | 1 of 10,000 | worst \
         | bytes per key at 1,048,576 | MiB after 10,000,000 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        let flood = row.flood;
        line(
            &mut text,
            &[
                row.name.into(),
                grouped(row.instructions),
                format!("{:.0} ns", row.times[0]),
                format!("{:.0} ns", row.times[1]),
                format!("{} ns", grouped(flood.mean as f64)),
                format!("{} ns", grouped(flood.rare as f64)),
                format!("{} ns", grouped(flood.worst as f64)),
                format!("{:.1}", flood.bytes_per_key),
                format!("{:.0}", flood.mebibytes),
            ],
        );
    }
    text
}

fn goals(rows: &[Row]) -> Vec<Judged> {
    let judge = |goal: &Goal| {
        let ours = rows.iter().find(|row| row.name == goal.store);
        let figures = ours.zip(rows.first());
        let ratio = figures.map(|(ours, first)| (goal.figure)(ours) / (goal.figure)(first));
        Judged::new(goal.name, goal.at_most, ratio)
    };
    GOALS.iter().map(judge).collect()
}

const FEW: u64 = 20_000;
const MANY: u64 = 60_000;
const CHECKS: u64 = 2_000_000;
const ROUNDS: usize = 7;
const FLOODS: usize = 5;
