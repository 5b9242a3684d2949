//! The state machine again, naively: it keeps every call, and looks at all of them each time.

use super::*;
use crate::outbound::breaker::circuit::Ticket;

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Pause(u64),
    Call,
    /// One of the calls under way ends.
    End(prop::sample::Index, Outcome),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Success),
        4 => Just(Outcome::Failure),
        1 => Just(Outcome::Slow),
        1 => Just(Outcome::Cancelled),
        1 => (1_u64..200).prop_map(Outcome::RetryAfter),
    ];
    prop_oneof![
        1 => (0_u64..60).prop_map(Step::Pause),
        2 => Just(Step::Call),
        2 => (any::<prop::sample::Index>(), outcome).prop_map(|(at, outcome)| Step::End(at, outcome)),
    ]
}

#[derive(Debug)]
struct Model<'s> {
    settings: &'s Settings,
    now: u64,
    state: Now,
    /// When an open one is half-open.
    until: u64,
    /// How often the state changed: which calls count.
    changes: usize,
    /// Since the last change: when, and whether it failed.
    ended: Vec<(u64, bool)>,
    /// The changes at the begin of each call under way.
    under_way: Vec<usize>,
}

impl Model<'_> {
    fn enter(&mut self, state: Now) {
        self.state = state;
        self.changes += 1;
        self.ended.clear();
    }

    fn open(&mut self, wait: u64) {
        self.until = self.now + wait;
        self.enter(Now::Open(0));
    }

    fn call(&mut self) -> Result<(), u64> {
        if matches!(self.state, Now::Open(_)) {
            if self.now < self.until {
                return Err(self.until - self.now);
            }
            self.enter(Now::HalfOpen);
        }
        let changes = self.changes;
        let probes = self.under_way.iter().filter(|begun| **begun == changes);
        if self.state == Now::HalfOpen && probes.count() as u32 >= self.settings.probes {
            return Err(0);
        }
        self.under_way.push(changes);
        Ok(())
    }

    fn end(&mut self, at: usize, outcome: Outcome) {
        let settings = self.settings;
        if self.under_way.remove(at) != self.changes || outcome == Outcome::Cancelled {
            return;
        }
        if let Outcome::RetryAfter(wait) = outcome {
            return self.open(wait.min(settings.retry_after_cap));
        }
        let failed = outcome != Outcome::Success;
        self.ended.push((self.now, failed));
        let in_a_row = self
            .ended
            .iter()
            .rev()
            .take_while(|(_, failed)| *failed)
            .count() as u32;
        if self.state == Now::HalfOpen {
            if failed {
                self.open(settings.open_for);
            } else if self.ended.len() as u32 >= settings.successes {
                self.enter(Now::Closed);
            }
        } else if failed && (in_a_row >= settings.failures || self.is_rate()) {
            self.open(settings.open_for);
        }
    }

    fn is_rate(&self) -> bool {
        let span = self.settings.window / CELLS as u64;
        let oldest = (self.now / span + 1).saturating_sub(CELLS as u64);
        let lately = self.ended.iter().filter(|(at, _)| at / span >= oldest);
        let (calls, failures) = lately.fold((0, 0), |(calls, failures), (_, failed)| {
            (calls + 1, failures + u32::from(*failed))
        });
        calls >= self.settings.min_calls && failures * 1_000 >= self.settings.failure_rate * calls
    }

    fn at(&self) -> Now {
        match self.state {
            Now::Open(_) if self.now < self.until => Now::Open(self.until - self.now),
            Now::Open(_) => Now::HalfOpen,
            state => state,
        }
    }
}

/// Does the same with both.
pub(super) fn compare(settings: &Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let circuit = Circuit::new(settings);
    let mut tickets: Vec<Ticket> = Vec::new();
    let mut model = Model {
        settings,
        now: 0,
        state: Now::Closed,
        until: 0,
        changes: 0,
        ended: Vec::new(),
        under_way: Vec::new(),
    };
    let (mut opened, mut refused) = (0, 0);
    for step in steps {
        let mut change = None;
        match step {
            Step::Pause(time) => model.now += time,
            Step::Call => {
                let (admitted, changed) = circuit.admit(settings, || model.now);
                change = changed;
                refused += u64::from(admitted.is_err());
                prop_assert_eq!(admitted.map(|ticket| tickets.push(ticket)), model.call());
            }
            Step::End(_, _) if tickets.is_empty() => {}
            Step::End(at, outcome) => {
                let at = at.index(tickets.len());
                change = circuit.settle(settings, tickets.remove(at), outcome, model.now);
                model.end(at, outcome);
            }
        }
        opened += u64::from(matches!(change, Some(Change::Opened(..))));
        prop_assert_eq!(circuit.at(model.now), model.at());
    }
    prop_assert_eq!(circuit.tally().opened, opened);
    prop_assert_eq!(circuit.tally().refused, refused);
    Ok(())
}
