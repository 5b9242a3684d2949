//! Whole stacks over loopback: wrk on one core against a server on the other.

use crate::{
    Outcome, document,
    goals::Judged,
    measure::median,
    report::{grouped, line},
    stack::Stack,
    stacks::{self, BARE, EDGE_SAMPLED, EDGE_UNSAMPLED, PEERS_SAMPLED, PEERS_UNSAMPLED},
};

mod load;
mod server;

use load::Load;
pub(crate) use server::serve;

/// Rounds that the median is of; each measures every stack, so that a slow minute falls on all.
const ROUNDS: usize = 7;

/// What the edge adds in CPU may be at most so much of what the peers add.
const GOALS: [(&str, &str, f64); 2] = [
    (
        "server CPU that the edge adds per request, not sampled, over what the peers add",
        EDGE_UNSAMPLED,
        0.19,
    ),
    (
        "server CPU that the edge adds per request, sampled, over what the peers add",
        EDGE_SAMPLED,
        0.24,
    ),
];

/// What one stack showed in every round.
#[derive(Debug)]
struct Shown {
    stack: &'static Stack,
    rounds: Vec<Load>,
}

/// What every stack showed.
#[derive(Debug)]
struct All(Vec<Shown>);

/// Measures the stacks that are marked so, writes the table, and returns its goals.
pub(crate) fn table() -> Outcome<Vec<Judged>> {
    let mut all = All::new();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for shown in &mut all.0 {
            let server = server::Server::start(shown.stack)?;
            shown.rounds.push(load::put(&server, shown.stack)?);
        }
    }
    let goals = all.goals();
    document::write_table("wire", &all.markdown()?, &goals)?;
    Ok(goals)
}

// ===== impl Shown =====

impl Shown {
    /// Returns the median over the rounds of a figure over the bare stack's in the same round.
    fn over(&self, bare: &Self, figure: fn(&Load) -> f64) -> f64 {
        let rounds = self.rounds.iter().zip(&bare.rounds);
        median(
            rounds
                .map(|(ours, bare)| figure(ours) / figure(bare))
                .collect(),
        )
    }

    /// Returns the median over the rounds of the CPU that is added to the bare stack's, over what
    /// `peers` adds in the same round.
    fn added_over(&self, bare: &Self, peers: &Self) -> f64 {
        let rounds = self.rounds.iter().zip(&peers.rounds).zip(&bare.rounds);
        median(
            rounds
                .map(|((ours, peers), bare)| (ours.cpu - bare.cpu) / (peers.cpu - bare.cpu))
                .collect(),
        )
    }
}

// ===== impl All =====

impl All {
    fn new() -> Self {
        let shown = |stack| Shown {
            stack,
            rounds: Vec::with_capacity(ROUNDS),
        };
        let wanted = stacks::all().filter(|stack| stack.on_the_wire);
        Self(wanted.map(shown).collect())
    }

    fn get(&self, name: &str) -> Option<&Shown> {
        self.0.iter().find(|shown| shown.stack.name == name)
    }

    fn goals(&self) -> Vec<Judged> {
        let judge = |(goal, name, at_most)| {
            let figure = self.get(name).and_then(|shown| self.of_peers(shown));
            Judged::new(goal, at_most, figure)
        };
        GOALS.map(judge).to_vec()
    }

    /// Returns the CPU that a stack adds over what the peers add that sample as it does.
    fn of_peers(&self, shown: &Shown) -> Option<f64> {
        let peers = if shown.stack.name.ends_with(", sampled") {
            PEERS_SAMPLED
        } else {
            PEERS_UNSAMPLED
        };
        Some(shown.added_over(self.get(BARE)?, self.get(peers)?))
    }

    fn markdown(&self) -> Outcome<String> {
        let bare = self.get(BARE).ok_or("the bare stack was not measured")?;
        let mut text = String::from(
            "| stack | requests/s | requests/s over bare | server CPU per request over bare \
             | CPU per request added over bare axum, over what the peers add in the same run |\n\
             |---|---:|---:|---:|---:|\n",
        );
        for shown in &self.0 {
            let rates = shown.rounds.iter().map(|load| load.per_second).collect();
            let added = self
                .of_peers(shown)
                .filter(|_| shown.stack.name != BARE)
                .map(|ratio| format!("{ratio:.2}"));
            let cells = [
                shown.stack.name.into(),
                grouped(median(rates)),
                format!("{:.2}", shown.over(bare, |load| load.per_second)),
                format!("{:.2}", shown.over(bare, |load| load.cpu)),
                added.unwrap_or_default(),
            ];
            line(&mut text, &cells);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::Verdict;

    /// Every stack with this CPU per request, in each round.
    fn all(cpu: impl Fn(&str) -> [f64; 3]) -> All {
        let mut all = All::new();
        for shown in &mut all.0 {
            let rounds = cpu(shown.stack.name).map(|cpu| Load {
                per_second: 1.0,
                cpu,
            });
            shown.rounds.extend(rounds);
        }
        all
    }

    #[test]
    fn compares_what_is_added_with_the_peers_that_sample_alike() {
        let all = all(|name| match name {
            BARE => [10.0; 3],
            PEERS_UNSAMPLED => [50.0, 30.0, 50.0],
            PEERS_SAMPLED => [60.0; 3],
            EDGE_UNSAMPLED => [14.0, 14.0, 50.0],
            _ => [20.0; 3],
        });

        let verdicts = all.goals().into_iter().map(|goal| goal.verdict);

        let expected = [Verdict::Missed(0.2), Verdict::Met(0.2)];
        assert_eq!(verdicts.collect::<Vec<_>>(), expected);
    }
}
