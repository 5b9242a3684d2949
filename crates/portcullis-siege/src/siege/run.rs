//! The order of a siege: what waits runs beside all else, what loads the machine runs last and alone.
//!
//! What waits holds places of the server. An attack that found none left proves nothing: it runs again
//! when all that wait have ended.

use std::sync::Arc;

use tokio::{task::JoinSet, time::Instant};

use super::{
    Event, Prepared,
    trial::{FAILED, Trial},
};
use crate::{Attack, Outcome, Report, Verdict, budget::Stop, catalogue::Pace, context::Context};

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
        let mut waiting = JoinSet::new();
        let patient: Vec<_> = self.of_pace(Pace::Patient).collect();
        let are_many = patient.len() > 1;
        for attack in patient {
            on(Event::Began(attack));
            waiting.spawn(Trial::run(self.context.clone(), attack));
        }
        let mut again = Vec::new();
        let mut end = |trial: Trial, is_alone: bool| {
            let attack = trial.attack;
            if trial.was_turned_away && !is_alone {
                again.push(attack);
                outcomes.push(turned_away(attack));
            } else {
                self.end(trial, outcomes, on);
            }
        };
        for attack in self.of_pace(Pace::Quick) {
            on(Event::Began(attack));
            let is_alone = waiting.is_empty();
            end(Trial::guarded(&self.context, attack).await, is_alone);
            while let Some(Ok(trial)) = waiting.try_join_next() {
                end(trial, !are_many);
            }
        }
        while let Some(joined) = waiting.join_next().await {
            if let Ok(trial) = joined {
                end(trial, !are_many);
            }
        }
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

/// What is known of an attack until it has run again.
fn turned_away(attack: &'static Attack) -> Outcome {
    let why = "it was refused, or answered with 503, while other attacks held places".to_owned();
    Outcome::new(attack, Verdict::CouldNotTell { why }, 0)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
