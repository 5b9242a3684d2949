//! A siege: which attacks run, when, and what came of them.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    Attack, Error, ErrorKind, Outcome, Target,
    attacks::parameter,
    budget::{Allowance, Budget, Intensity},
    catalogue::CATALOGUE,
    context::Context,
    discovery::{Found, discover},
    profile::{Keys, Profile, Shown, draft},
    signing::Signing,
    wire::{Request, Sources, host_and_port},
};

mod run;
mod shown;
mod trial;

/// A siege that has not begun.
#[derive(Debug)]
pub struct Siege {
    target: Target,
    profile: Profile,
    intensity: Intensity,
    allowance: Option<Allowance>,
    only: Vec<String>,
    own_server: bool,
    repeat: Option<String>,
}

/// A siege that knows its server.
#[derive(Debug)]
pub struct Prepared {
    context: Context,
    /// The keys as they were given, with the names of their variables.
    keys: Keys,
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
    /// Creates a quick siege of a server.
    #[must_use]
    pub const fn new(target: Target, profile: Profile) -> Self {
        Self {
            target,
            profile,
            intensity: Intensity::Quick,
            allowance: None,
            only: Vec::new(),
            own_server: true,
            repeat: None,
        }
    }

    /// Sets how hard it is.
    #[must_use]
    pub const fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Sets what it may spend, in place of what its intensity allows.
    #[must_use]
    pub const fn allowance(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// Chooses attacks, by id or by the letter of their group. Without a choice all run.
    #[must_use]
    pub fn only(mut self, ids: impl IntoIterator<Item: Into<String>>) -> Self {
        self.only = ids.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the line for a shell that begins this siege, such as `portcullis siege http://127.0.0.1:8080
    /// --profile siege.toml`. Without it a report offers no line that shows a breach again: the server may
    /// be gone when someone reads it.
    ///
    /// Lines that need a key read it from `$SIEGE_KEY`, `$SIEGE_KEY_REVOKED`, `$SIEGE_KEY_EXPIRED`,
    /// `$SIEGE_KEY_UNSCOPED` or `$SIEGE_KEY_OTHER`.
    #[must_use]
    pub fn repeat_with(mut self, line: impl Into<String>) -> Self {
        self.repeat = Some(line.into());
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
    /// Fails if the choice or the profile is wrong, or if the server can't be attacked.
    pub async fn prepare(mut self) -> Result<Prepared, Error> {
        let attacks = chosen(&self.only)?;
        let keys = self.profile.keys.clone();
        self.profile.keys = keys.resolve()?;
        let signing = Signing::of(&self.profile)?;
        let allowance = self.allowance.unwrap_or(self.intensity.allowance());
        let context = Context {
            sources: Arc::new(Sources::new(self.target.address().ip())),
            target: self.target,
            profile: Arc::new(self.profile),
            found: Arc::new(Found::default()),
            budget: Arc::new(Budget::new(allowance)),
            intensity: self.intensity,
            signing: Arc::new(signing),
            repeat: self.repeat.map(Into::into),
            made: Arc::default(),
            turned_away: Arc::default(),
            was_shed: Arc::default(),
            answers: Arc::default(),
            counted: Arc::default(),
            waited: Arc::default(),
        };
        Ok(Prepared {
            context: discover(context, self.own_server).await?,
            keys,
            attacks,
            began: Instant::now(),
        })
    }
}

/// The server's name, if it serves no other.
async fn own_host(context: &Context) -> Option<String> {
    let request = Request::get(context.control()).header("host", "siege.invalid");
    let answer = context.send(&request).await.ok()?;
    let authority = context.target.authority();
    matches!(answer.status, 400 | 403 | 404 | 421)
        .then(|| host_and_port(authority).0.to_owned())
        .filter(|_| answer.status != context.found.control_status)
}

/// What `RateLimit-Policy` declares on the limited route.
async fn quota(context: &Context) -> Option<(u64, u64)> {
    let path = context.profile.routes.limited.as_deref()?;
    let answer = context.send(&context.get(path)).await.ok()?;
    let policy = answer.header("ratelimit-policy");
    Some((parameter(policy, "q")?, parameter(policy, "w")?))
}

/// Returns the attacks of these ids and groups; all, if there are none.
fn chosen(only: &[String]) -> Result<Vec<&'static Attack>, Error> {
    let unknown = only
        .iter()
        .find(|id| !CATALOGUE.iter().any(|attack| is(attack, id)));
    if let Some(id) = unknown {
        return Err(Error::new(
            ErrorKind::UnknownAttack,
            format!("{id}: no such attack; see `portcullis siege --list`"),
        ));
    }
    let is_chosen = |attack: &&Attack| only.is_empty() || only.iter().any(|id| is(attack, id));
    Ok(CATALOGUE.iter().filter(is_chosen).collect())
}

/// Whether an id is the attack's own or the letter of its group.
fn is(attack: &Attack, id: &str) -> bool {
    attack.id == id || id.len() == 1 && attack.id.starts_with(id)
}

// ===== impl Prepared =====

impl Prepared {
    /// Returns what it will do, in a few lines.
    #[must_use]
    pub fn plan(&self) -> String {
        let context = &self.context;
        let ready = self.attacks.iter();
        let ready = ready.filter(|attack| context.missing(attack.needs).is_none());
        let allowed = self.context.budget.allowed();
        let known = context.secrets().hide(&self.known());
        format!(
            "{} of {} attacks on {}, {}: at most {} s, {} requests, {} connections, {} MiB\n\
             {known}\n",
            ready.count(),
            self.attacks.len(),
            context.target,
            context.intensity.name(),
            allowed.time.as_secs(),
            allowed.requests,
            allowed.connections,
            allowed.bytes >> 20,
        )
    }

    /// Looks a little further, and returns a profile as TOML: what was found is set, and what was not is a
    /// comment with what it would enable. No key is in it.
    pub async fn draft(&self) -> String {
        let context = &self.context;
        let shown = Shown {
            url: context.target.to_string(),
            host: own_host(context).await,
            quota: quota(context).await,
            refusal: context.sample().refusal().map(str::to_owned),
        };
        let mut profile = Profile::clone(&context.profile);
        profile.keys = self.keys.clone();
        draft(&profile, &shown)
    }

    /// Returns how many attacks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.attacks.len()
    }

    fn known(&self) -> String {
        let profile = &self.context.profile;
        let routes = &profile.routes;
        let tokens = profile.tokens.as_ref().map(|tokens| &tokens.route);
        let signed = profile.signatures.as_ref();
        let signed = signed.map(|signatures| &signatures.route);
        let paths = [
            ("control", routes.control.as_ref()),
            ("protected", routes.protected.as_ref()),
            ("limited", routes.limited.as_ref()),
            ("body", routes.body.as_ref()),
            ("slow", routes.slow.as_ref()),
            ("panic", routes.panic.as_ref()),
            ("large", routes.large.as_ref()),
            ("page", routes.page.as_ref()),
            ("metrics", routes.metrics.as_ref()),
            ("websocket", routes.websocket.as_ref()),
            ("health", routes.health.as_ref()),
            ("ready", routes.ready.as_ref()),
            ("own", routes.own.as_ref()),
            ("admin", routes.admin.as_ref()),
            ("token", tokens),
            ("signed", signed),
        ];
        let paths = paths.into_iter();
        let paths = paths.filter_map(|(name, path)| Some(format!("{name} {}", path?)));
        let known: Vec<_> = self.given().into_iter().chain(paths).collect();
        format!("known: {}", known.join(", "))
    }

    /// What is known besides routes.
    fn given(&self) -> Vec<String> {
        let profile = &self.context.profile;
        let (keys, sinks) = (&profile.keys, &profile.sinks);
        let dead = [&keys.revoked, &keys.expired, &keys.unscoped];
        let key = match keys.valid {
            Some(_) => format!("a key ({})", keys.header),
            None => "no key".to_owned(),
        };
        let parts = [
            (keys.other.is_some(), "another client's key"),
            (
                dead.iter().any(|key| key.is_some()),
                "keys that are refused",
            ),
            (sinks.log.is_some(), "a log"),
            (sinks.audit.is_some(), "an audit log"),
            (!profile.launch.command.is_empty(), "how to start one"),
            (profile.proxy.trusted.is_some(), "a trusted proxy"),
        ];
        let parts = parts.into_iter().filter(|(is_given, _)| *is_given);
        let parts = parts.map(|(_, name)| name.to_owned());
        let fronts = profile.proxy.fronts.keys();
        let fronts = fronts.map(|name| format!("behind {name}"));
        std::iter::once(key).chain(parts).chain(fronts).collect()
    }
}
