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
    profile::{Profile, Shown, draft},
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
    /// Lines that need a key read it from `$SIEGE_KEY`, `$SIEGE_KEY_REVOKED`, `$SIEGE_KEY_EXPIRED` or
    /// `$SIEGE_KEY_UNSCOPED`.
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
        self.profile.keys = self.profile.keys.resolve()?;
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
            answers: Arc::default(),
            counted: Arc::default(),
            waited: Arc::default(),
        };
        Ok(Prepared {
            context: discover(context, self.own_server).await?,
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
        draft(&context.profile, &shown)
    }

    /// Returns how many attacks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.attacks.len()
    }

    fn known(&self) -> String {
        let routes = &self.context.profile.routes;
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
        let profile = &self.context.profile;
        let tokens = profile.tokens.as_ref().map(|tokens| &tokens.route);
        let signed = profile.signatures.as_ref();
        let signed = signed.map(|signatures| &signatures.route);
        let named = named.map(|(name, path)| (name, path.as_ref()));
        let named = named
            .into_iter()
            .chain([("token", tokens), ("signed", signed)]);
        let known: Vec<_> = named
            .filter_map(|(name, path)| Some(format!("{name} {}", path?)))
            .collect();
        let key = match self.context.profile.keys.valid {
            Some(_) => "a key",
            None => "no key",
        };
        format!("known: {key}, {}", known.join(", "))
    }
}
