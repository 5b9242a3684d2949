//! The order of a siege: what waits runs beside all else, what loads the machine runs last and alone.

use tokio::{task::JoinSet, time::Instant};

use super::{
    Event, Prepared,
    trial::{FAILED, Trial},
};
use crate::{Attack, Outcome, Report, Verdict, budget::Stop, catalogue::Pace};

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
        for attack in self.of_pace(Pace::Patient) {
            on(Event::Began(attack));
            waiting.spawn(Trial::run(self.context.clone(), attack));
        }
        let mut end = |mut trial: Trial| {
            self.accept(&mut trial.outcome);
            on(Event::Ended(&trial.outcome));
            outcomes.push(trial.outcome);
            if trial.server_is_gone {
                self.context.budget.end(Stop::ServerGone);
            }
        };
        for attack in self.of_pace(Pace::Quick) {
            on(Event::Began(attack));
            end(Trial::guarded(&self.context, attack).await);
            while let Some(Ok(trial)) = waiting.try_join_next() {
                end(trial);
            }
        }
        while let Some(joined) = waiting.join_next().await {
            if let Ok(trial) = joined {
                end(trial);
            }
        }
        for attack in self.of_pace(Pace::Heavy) {
            on(Event::Began(attack));
            end(Trial::guarded(&self.context, attack).await);
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
