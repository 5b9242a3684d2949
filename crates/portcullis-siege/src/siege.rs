//! A siege: which attacks run, when, and what came of them.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Attack, Outcome, Report, Target, Verdict,
    arena::Arena,
    budget::{Allowance, Budget, Intensity},
    catalogue::{CATALOGUE, Pace},
    discovery::{Found, discover},
    profile::Profile,
    verdict::{Evidence, Trouble},
    wire::{Ask, Sources},
};

/// A siege that has not begun.
#[derive(Debug)]
pub struct Siege {
    target: Target,
    profile: Profile,
    intensity: Intensity,
    allowance: Option<Allowance>,
    only: Vec<String>,
    own_server: bool,
}

/// A siege that knows its server.
#[derive(Debug)]
pub struct Prepared {
    arena: Arena,
    attacks: Vec<&'static Attack>,
    began: Instant,
}

/// What happens in a siege.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// An attack begins.
    Began(&'static Attack),
    /// An attack has ended.
    Ended(&'e Outcome),
}

// ===== impl Siege =====

impl Siege {
    /// A quick siege of a server.
    #[must_use]
    pub const fn new(target: Target, profile: Profile) -> Self {
        Self {
            target,
            profile,
            intensity: Intensity::Quick,
            allowance: None,
            only: Vec::new(),
            own_server: true,
        }
    }

    /// How hard it is.
    #[must_use]
    pub const fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// What it may spend, in place of what its intensity allows.
    #[must_use]
    pub const fn allowance(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// Only these attacks, by id or by the letter of their group.
    #[must_use]
    pub fn only(mut self, ids: impl IntoIterator<Item: Into<String>>) -> Self {
        self.only = ids.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) const fn served_by_us(mut self) -> Self {
        self.own_server = false;
        self
    }

    /// Looks at the server: some requests, none of them an attack.
    ///
    /// # Errors
    ///
    /// One line: why the siege can't be.
    pub async fn prepare(mut self) -> Result<Prepared, String> {
        let attacks = chosen(&self.only)?;
        self.profile.keys = self.profile.keys.resolve()?;
        let allowance = self.allowance.unwrap_or(self.intensity.allowance());
        let arena = Arena {
            sources: Arc::new(Sources::new(self.target.address().ip())),
            target: self.target,
            profile: Arc::new(self.profile),
            found: Arc::new(Found::default()),
            budget: Arc::new(Budget::new(allowance)),
            intensity: self.intensity,
            answers: Arc::default(),
        };
        Ok(Prepared {
            arena: discover(arena, self.own_server).await?,
            attacks,
            began: Instant::now(),
        })
    }
}

fn chosen(only: &[String]) -> Result<Vec<&'static Attack>, String> {
    let fits = |attack: &Attack, id: &String| {
        let is_group = id.len() == 1 && attack.id.starts_with(id.as_str());
        attack.id == id || is_group
    };
    if let Some(unknown) = only
        .iter()
        .find(|id| !CATALOGUE.iter().any(|attack| fits(attack, id)))
    {
        return Err(format!(
            "{unknown}: no such attack; see `portcullis siege --list`"
        ));
    }
    let is_chosen = |attack: &&Attack| only.is_empty() || only.iter().any(|id| fits(attack, id));
    Ok(CATALOGUE.iter().filter(is_chosen).collect())
}

// ===== impl Prepared =====

impl Prepared {
    /// What it will do, in a few lines.
    #[must_use]
    pub fn plan(&self) -> String {
        let arena = &self.arena;
        let missing = |attack: &&&Attack| arena.missing(attack.needs).is_none();
        let ready = self.attacks.iter().filter(missing).count();
        let allowed = self.arena.budget.allowed();
        format!(
            "{ready} of {} attacks on {}, {}: at most {} s, {} requests, {} connections, {} MiB\n\
             {}\n",
            self.attacks.len(),
            arena.target,
            arena.intensity.name(),
            allowed.time.as_secs(),
            allowed.requests,
            allowed.connections,
            allowed.bytes >> 20,
            self.known(),
        )
    }

    /// How many attacks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.attacks.len()
    }

    fn known(&self) -> String {
        let routes = &self.arena.profile.routes;
        let named = [
            ("control", &routes.control),
            ("protected", &routes.protected),
            ("limited", &routes.limited),
            ("body", &routes.body),
            ("slow", &routes.slow),
            ("page", &routes.page),
            ("metrics", &routes.metrics),
            ("health", &routes.health),
            ("ready", &routes.ready),
        ];
        let known = named
            .iter()
            .filter_map(|(name, path)| Some(format!("{name} {}", path.as_ref()?)));
        let known: Vec<_> = known.collect();
        let key = match self.arena.profile.keys.valid {
            Some(_) => "a key",
            None => "no key",
        };
        format!("known: {key}, {}", known.join(", "))
    }

    /// Attacks. Ends early when `stop` does, and leaves no connection behind.
    pub async fn run(self, stop: impl Future<Output = ()>, on: impl Fn(Event<'_>)) -> Report {
        let mut outcomes = Vec::new();
        let began = self.began;
        let stopped = tokio::select! {
            () = self.attack(&mut outcomes, &on) => None,
            () = stop => Some("it was interrupted".to_owned()),
            why = self.arena.budget.ended() => Some(why),
        };
        self.report(outcomes, stopped, began)
    }

    async fn attack(&self, outcomes: &mut Vec<Outcome>, on: &impl Fn(Event<'_>)) {
        let mut waiting = JoinSet::new();
        for attack in self.of_pace(Pace::Patient) {
            on(Event::Began(attack));
            waiting.spawn(one(self.arena.clone(), attack));
        }
        let mut end = |outcome: Outcome| {
            on(Event::Ended(&outcome));
            let is_gone = outcome.verdict.text() == GONE;
            outcomes.push(outcome);
            if is_gone {
                self.arena.budget.end(GONE);
            }
        };
        for attack in self.of_pace(Pace::Quick) {
            on(Event::Began(attack));
            end(guarded(&self.arena, attack).await);
            while let Some(Ok(outcome)) = waiting.try_join_next() {
                end(outcome);
            }
        }
        while let Some(joined) = waiting.join_next().await {
            if let Ok(outcome) = joined {
                end(outcome);
            }
        }
        for attack in self.of_pace(Pace::Heavy) {
            on(Event::Began(attack));
            end(guarded(&self.arena, attack).await);
        }
    }

    fn of_pace(&self, pace: Pace) -> impl Iterator<Item = &'static Attack> {
        let is_so = move |attack: &&Attack| attack.pace == pace;
        self.attacks.iter().copied().filter(is_so)
    }

    /// Every attack is in it, in the order of the catalogue.
    fn report(
        &self,
        mut outcomes: Vec<Outcome>,
        stopped: Option<String>,
        began: Instant,
    ) -> Report {
        for attack in &self.attacks {
            if !outcomes.iter().any(|outcome| outcome.id == attack.id) {
                let why = stopped
                    .as_deref()
                    .unwrap_or("the attack itself failed")
                    .to_owned();
                outcomes.push(Outcome::new(attack, Verdict::NotTested { why }, 0));
            }
        }
        outcomes.sort_by(|one, other| one.id.cmp(&other.id));
        Report {
            version: 1,
            target: self.arena.target.to_string(),
            intensity: self.arena.intensity.name().to_owned(),
            took_ms: began.elapsed().as_millis() as u64,
            spent: self.arena.budget.spent(),
            outcomes,
            stopped,
        }
    }
}

/// An attack in a task of its own: whatever it leaves ends with it.
async fn guarded(arena: &Arena, attack: &'static Attack) -> Outcome {
    let mut task = JoinSet::new();
    task.spawn(one(arena.clone(), attack));
    match task.join_next().await {
        Some(Ok(outcome)) => outcome,
        _ => {
            let why = "the attack itself failed".to_owned();
            Outcome::new(attack, Verdict::CouldNotTell { why }, 0)
        }
    }
}

async fn one(arena: Arena, attack: &'static Attack) -> Outcome {
    let began = Instant::now();
    let verdict = match arena.missing(attack.needs) {
        Some(need) => Verdict::NotTested {
            why: need.missing().to_owned(),
        },
        None => judged(&arena, attack).await,
    };
    Outcome::new(attack, verdict, began.elapsed().as_millis() as u64)
}

async fn judged(arena: &Arena, attack: &'static Attack) -> Verdict {
    let limit = arena.intensity.patience() + Duration::from_secs(10);
    if !is_there(arena).await {
        return gone();
    }
    let finding = timeout(limit, (attack.run)(arena)).await;
    let over = || Trouble::Unclear(format!("not done within {} s", limit.as_secs()));
    let finding = match finding.unwrap_or_else(|_| Err(over())) {
        Err(Trouble::Breach(evidence)) => Err(Trouble::Breach(evidence)),
        finding => match control(arena).await {
            Ok(()) => finding,
            Err(evidence) => Err(evidence.into()),
        },
    };
    finding
        .map_err(|trouble| shown(arena, attack, trouble))
        .into()
}

/// As others may see it.
fn shown(arena: &Arena, attack: &Attack, trouble: Trouble) -> Trouble {
    let Trouble::Breach(mut evidence) = trouble else {
        return trouble;
    };
    if evidence.repeat.is_empty() {
        evidence.repeat = format!("portcullis siege {} --only {}", arena.target, attack.id);
    }
    Trouble::from(evidence.without(&arena.profile.keys).shortened())
}

/// What was there when the siege began, and no longer is: there is nothing left to attack.
fn gone() -> Verdict {
    let sent = "a connection, ten times in three seconds";
    Trouble::from(Evidence::new(GONE).sent(sent).received("(refused)")).into()
}

const GONE: &str = "the server no longer answers";

/// Whether anything listens.
async fn is_there(arena: &Arena) -> bool {
    for _ in 0..10 {
        if arena.raw().await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(300)).await;
    }
    false
}

/// After every attack: a request on a fresh connection is served as before, within a second.
/// Three tries, because a machine under siege is busy.
async fn control(arena: &Arena) -> Result<(), Evidence> {
    if arena
        .found
        .process
        .is_some_and(|process| !process.is_alive())
    {
        return Err(Evidence::new(
            "the server's process has ended during this attack",
        ));
    }
    let ask = Ask::get(arena.control());
    let mut seen = String::new();
    for pause in [100, 1000, 0] {
        match timeout(Duration::from_secs(1), arena.ask(&ask)).await {
            Ok(Ok(answer)) if answer.status == arena.found.control_status => return Ok(()),
            Ok(Ok(answer)) => seen = format!("status {}", answer.status),
            Ok(Err(Trouble::Unclear(why))) if why.starts_with("the budget") => return Ok(()),
            Ok(Err(_)) => "no answer: the connection failed".clone_into(&mut seen),
            Err(_) => "no answer within a second".clone_into(&mut seen),
        }
        sleep(Duration::from_millis(pause)).await;
    }
    Err(Evidence::new(
        "after this attack, a plain request on a fresh connection is not served as before",
    )
    .sent(format!("GET {}", arena.control()))
    .received(seen)
    .repeat(ask.curl(arena)))
}

impl From<Trouble> for Verdict {
    fn from(trouble: Trouble) -> Self {
        Err(trouble).into()
    }
}
