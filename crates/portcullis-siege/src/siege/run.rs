//! The order of a siege: what waits runs beside all else, what loads the machine runs last and alone.
//! Framing runs beside the quick attacks of the other groups: nothing that it sends is counted, and most
//! of its time it waits for an answer that never comes.
//!
//! Where a server serves one connection at a time, everything runs alone, and what waits runs last.
//!
//! What waits holds places of the server. An attack that found none left proves nothing: it runs again
//! when all that wait have ended.

use std::sync::Arc;

use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::Instant,
};

use super::{
    Event, Prepared,
    trial::{FAILED, Trial},
};
use crate::{
    Attack, Group, Outcome, Report, Verdict, budget::Stop, catalogue::Pace, context::Context,
};

/// What a row of attacks reports.
#[derive(Debug)]
enum Step {
    Began(&'static Attack),
    Ended(Box<Trial>),
}

// ===== impl Prepared =====

impl Prepared {
    /// Attacks. Ends early when `stop` does, and leaves no connection behind.
    pub async fn run(self, stop: impl Future<Output = ()>, on: impl Fn(Event<'_>)) -> Report {
        let mut outcomes = Vec::new();
        let began = self.began;
        let stopped = tokio::select! {
            () = self.attack(&mut outcomes, &on) => None,
            () = stop => Some(Stop::Interrupted),
            why = self.context.budget.ended() => Some(why),
        };
        self.report(outcomes, stopped, began)
    }

    async fn attack(&self, outcomes: &mut Vec<Outcome>, on: &impl Fn(Event<'_>)) {
        if self.context.found.is_serial {
            return self.one_by_one(outcomes, on).await;
        }
        let again = self.side_by_side(outcomes, on).await;
        // What was gathered while places were held is gathered anew.
        let fresh = Context {
            answers: Arc::default(),
            ..self.context.clone()
        };
        for attack in again {
            self.end(Trial::guarded(&fresh, attack).await, outcomes, on);
        }
        for attack in self.of_pace(Pace::Heavy) {
            on(Event::Began(attack));
            self.end(Trial::guarded(&self.context, attack).await, outcomes, on);
        }
    }

    async fn one_by_one(&self, outcomes: &mut Vec<Outcome>, on: &impl Fn(Event<'_>)) {
        for pace in [Pace::Quick, Pace::Heavy, Pace::Patient] {
            for attack in self.of_pace(pace) {
                on(Event::Began(attack));
                self.end(Trial::guarded(&self.context, attack).await, outcomes, on);
            }
        }
    }

    /// All but the heavy ones. Returns those that run again.
    async fn side_by_side(
        &self,
        outcomes: &mut Vec<Outcome>,
        on: &impl Fn(Event<'_>),
    ) -> Vec<&'static Attack> {
        let waiting: Vec<_> = self.of_pace(Pace::Patient).collect();
        let (framing, quick) = self
            .of_pace(Pace::Quick)
            .partition(|attack| attack.group() == Group::Framing);
        let (said, mut heard) = unbounded_channel();
        let mut rows = JoinSet::new();
        let each = waiting.iter().map(|attack| vec![*attack]);
        for row in each.chain([framing, quick]) {
            rows.spawn(in_turn(self.context.clone(), row, said.clone()));
        }
        drop(said);
        let (mut again, mut running) = (Vec::new(), Vec::new());
        while let Some(step) = heard.recv().await {
            if let Step::Ended(trial) = &step {
                running.retain(|id| *id != trial.attack.id);
            }
            match step {
                Step::Began(attack) => {
                    running.push(attack.id);
                    on(Event::Began(attack));
                }
                Step::Ended(mut trial) if trial.server_is_gone => {
                    trial.outcome.beside(&running);
                    self.end(*trial, outcomes, on);
                    // Whatever else ends now ends for the same reason.
                    break;
                }
                Step::Ended(trial) if trial.was_turned_away && has_beside(&waiting, &trial) => {
                    again.push(trial.attack);
                    outcomes.push(turned_away(trial.attack));
                }
                Step::Ended(trial) => self.end(*trial, outcomes, on),
            }
        }
        again
    }

    fn end(&self, mut trial: Trial, outcomes: &mut Vec<Outcome>, on: &impl Fn(Event<'_>)) {
        self.accept(&mut trial.outcome);
        on(Event::Ended(&trial.outcome));
        outcomes.retain(|outcome| outcome.id != trial.outcome.id);
        outcomes.push(trial.outcome);
        if trial.server_is_gone {
            self.context.budget.end(Stop::ServerGone);
        }
    }

    fn of_pace(&self, pace: Pace) -> impl Iterator<Item = &'static Attack> {
        let attacks = self.attacks.iter().copied();
        attacks.filter(move |attack| attack.pace == pace)
    }

    fn accept(&self, outcome: &mut Outcome) {
        let reason = self.context.profile.accept.get(&outcome.id);
        outcome.accepted = reason.map(|reason| self.context.secrets().hide(reason));
    }

    /// Every attack is in it, in the order of the catalogue.
    fn report(&self, mut outcomes: Vec<Outcome>, stopped: Option<Stop>, began: Instant) -> Report {
        for attack in &self.attacks {
            if !outcomes.iter().any(|outcome| outcome.id == attack.id) {
                let why = stopped.map_or_else(|| FAILED.to_owned(), |stop| stop.to_string());
                let mut outcome = Outcome::new(attack, Verdict::NotTested { why }, 0);
                self.accept(&mut outcome);
                outcomes.push(outcome);
            }
        }
        outcomes.sort_by(|one, other| one.id.cmp(&other.id));
        Report {
            version: 1,
            target: self.context.target.to_string(),
            intensity: self.context.intensity.name().to_owned(),
            took_ms: began.elapsed().as_millis() as u64,
            spent: self.context.budget.spent(),
            outcomes,
            stopped: stopped.map(|stop| stop.to_string()),
        }
    }
}

/// Attacks, one after the other.
async fn in_turn(context: Context, attacks: Vec<&'static Attack>, said: UnboundedSender<Step>) {
    for attack in attacks {
        // Whoever listened has ended the siege.
        let _ = said.send(Step::Began(attack));
        let trial = Trial::guarded(&context, attack).await;
        let _ = said.send(Step::Ended(Box::new(trial)));
    }
}

/// Whether other attacks held places.
fn has_beside(waiting: &[&Attack], trial: &Trial) -> bool {
    waiting.iter().any(|attack| attack.id != trial.attack.id)
}

/// What is known of an attack until it has run again.
fn turned_away(attack: &'static Attack) -> Outcome {
    let why = "it was refused, or answered with 503, while other attacks held places".to_owned();
    Outcome::new(attack, Verdict::CouldNotTell { why }, 0)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
