//! What an attack is handed: the server, what is known of it, and what may be spent.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::OnceCell, time::sleep};

use crate::{
    Intensity, Profile, Target,
    attacks::{Counted, Kind},
    budget::Budget,
    catalogue::Need,
    discovery::Found,
    redact::{Secret, Secrets},
    sample::Sample,
    signing::Signing,
    verdict::Failure,
    wire::{Answer, Client, Exchange, Raw, Request, Sources},
};

/// What an attack is handed.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) target: Target,
    pub(crate) profile: Arc<Profile>,
    pub(crate) found: Arc<Found>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) intensity: Intensity,
    pub(crate) signing: Arc<Signing>,
    /// The line for a shell that began the siege.
    pub(crate) repeat: Option<Arc<str>>,
    /// The last tokens and signatures that this attack made.
    pub(crate) made: Arc<Mutex<VecDeque<String>>>,
    /// Whether a connection of this attack was refused, or answered with 503.
    pub(crate) turned_away: Arc<AtomicBool>,
    /// Whether a request of this attack was answered with 503, where nothing else explains it.
    pub(crate) was_shed: Arc<AtomicBool>,
    /// Every kind of answer, once they are gathered.
    pub(crate) answers: Arc<OnceCell<Arc<[Kind]>>>,
    /// Whom the limit counts, once that was seen.
    pub(crate) counted: Arc<OnceCell<Counted>>,
    /// How long this attack has waited for limits, in milliseconds.
    pub(crate) waited: Arc<AtomicU64>,
}

// ===== impl Context =====

impl Context {
    /// The same, for another server.
    pub(crate) fn at(&self, target: Target) -> Self {
        Self {
            target,
            counted: Arc::default(),
            ..self.clone()
        }
    }

    /// The same, for one attack.
    pub(crate) fn for_attack(&self) -> Self {
        Self {
            made: Arc::default(),
            turned_away: Arc::default(),
            was_shed: Arc::default(),
            waited: Arc::default(),
            ..self.clone()
        }
    }

    /// Notes that there was no place for a request, and returns what came of it.
    pub(crate) fn noting<T>(
        &self,
        result: Result<T, Failure>,
        status: impl Fn(&T) -> Option<u16>,
    ) -> Result<T, Failure> {
        let is_away = match &result {
            Ok(answer) => status(answer) == Some(503),
            Err(Failure::BudgetSpent(_)) => false,
            Err(_) => true,
        };
        self.turned_away.fetch_or(is_away, Relaxed);
        result
    }

    /// Notes a 503. That of a deadline, or of a server that drains, is no lack of a place.
    pub(crate) fn noting_503(&self, path: &str, status: u16) {
        let routes = &self.profile.routes;
        let are_meant = [&routes.slow, &routes.ready].into_iter().flatten();
        let mut starts = are_meant.filter_map(|route| route.split(['?', '{']).next());
        let is_meant = starts.any(|start| path.starts_with(start));
        self.was_shed.fetch_or(status == 503 && !is_meant, Relaxed);
    }

    /// Remembers a token or a signature, so that no report has it.
    pub(crate) fn remember(&self, made: &str) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(MADE - 1);
        all.push_front(made.chars().take(LONGEST_MADE).collect());
    }

    /// Returns what no report may have.
    pub(crate) fn secrets(&self) -> Secrets {
        let keys = &self.profile.keys;
        let keys = [
            (&keys.valid, "$SIEGE_KEY", "${SIEGE_KEY#* }"),
            (
                &keys.revoked,
                "$SIEGE_KEY_REVOKED",
                "${SIEGE_KEY_REVOKED#* }",
            ),
            (
                &keys.expired,
                "$SIEGE_KEY_EXPIRED",
                "${SIEGE_KEY_EXPIRED#* }",
            ),
            (
                &keys.unscoped,
                "$SIEGE_KEY_UNSCOPED",
                "${SIEGE_KEY_UNSCOPED#* }",
            ),
            (&keys.other, "$SIEGE_KEY_OTHER", "${SIEGE_KEY_OTHER#* }"),
        ];
        let keys = keys.into_iter();
        let keys = keys.filter_map(|(key, name, bare)| Some((key.as_deref()?, name, bare)));
        let keys = keys
            .flat_map(|(key, name, bare)| [Some(Secret::key(key, name)), Secret::bare(key, bare)]);
        let keys = keys.flatten();
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.iter().map(|made| Secret::made(made));
        let signing = self.signing.secrets.iter();
        let signing = signing.map(|secret| Secret::of_signing(secret));
        Secrets::new(keys.chain(signing).chain(made))
    }

    /// An address that was not used before.
    pub(crate) fn fresh(&self) -> Option<IpAddr> {
        self.sources.fresh()
    }

    /// A connection of raw bytes from a fresh address.
    pub(crate) async fn raw(&self) -> Result<Raw, Failure> {
        Raw::connect(self, self.fresh()).await
    }

    /// Sends bytes on a connection of their own, and reads the answers.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> Result<Exchange, Failure> {
        self.budget.request()?;
        let mut raw = self.raw().await?;
        raw.send(bytes).await?;
        raw.read_answers().await;
        self.noting_exchange(raw)
    }

    /// The same. A server that has answered has more time to close: it may be busy.
    pub(crate) async fn exchange_to_end(
        &self,
        bytes: impl AsRef<[u8]>,
    ) -> Result<Exchange, Failure> {
        self.budget.request()?;
        let mut raw = self.raw().await?;
        raw.send(bytes).await?;
        raw.read_answers().await;
        raw.read_to_end(TO_CLOSE).await;
        self.noting_exchange(raw)
    }

    /// A server that is silent may have no place, as one that refuses.
    fn noting_exchange(&self, raw: Raw) -> Result<Exchange, Failure> {
        let seen = raw.into_seen();
        let is_silent = seen.received.is_empty() && !seen.closed;
        self.turned_away.fetch_or(is_silent, Relaxed);
        self.noting_503("", seen.status().unwrap_or_default());
        self.noting(Ok(seen), Exchange::status)
    }

    /// Sends bytes on a connection of their own, and reads no further than the first answer's head.
    pub(crate) async fn first_answer(&self, bytes: impl AsRef<[u8]>) -> Result<Exchange, Failure> {
        self.budget.request()?;
        let mut raw = self.raw().await?;
        raw.send(bytes).await?;
        raw.status(FIRST_ANSWER).await;
        self.noting(Ok(raw.into_seen()), Exchange::status)
    }

    /// Sends a request on a connection of its own, from the address it names or a fresh one.
    ///
    /// A limit that a fresh address meets is not its own (the server sees one address for all of ours, or
    /// counts keys): it is waited for, as long as the attack has time for that.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        loop {
            let answer = self.send_once(request).await?;
            let seconds = answer.retry_after().unwrap_or(1).max(1);
            let waited = (self.waited.load(Relaxed) / 1000).saturating_add(seconds);
            if answer.status != 429 || request.source.is_some() || waited > LONGEST_WAIT {
                return Ok(answer);
            }
            self.waited.fetch_add(seconds * 1000, Relaxed);
            sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// The same, and a limit is an answer like others.
    pub(crate) async fn send_once(&self, request: &Request) -> Result<Answer, Failure> {
        let source = request.source.or_else(|| self.fresh());
        let mut client = Client::connect(self, source, request.http2).await?;
        client.send(self, request).await
    }

    /// A GET with the valid key, if one is known.
    pub(crate) fn get(&self, path: &str) -> Request {
        Request::get(path).key(self)
    }

    /// The public, cheap route.
    pub(crate) fn control(&self) -> &str {
        self.profile.routes.control.as_deref().unwrap_or("/")
    }

    /// What of these is missing, first of all.
    pub(crate) fn missing(&self, needs: &[Need]) -> Option<Need> {
        needs.iter().copied().find(|need| !self.has(*need))
    }

    /// Why an attack with these needs can't be tested, if so.
    pub(crate) fn lacks(&self, needs: &[Need]) -> Option<String> {
        let need = self.missing(needs)?;
        let of_body = self.sample().refusal().filter(|_| need == Need::Body);
        Some(of_body.unwrap_or_else(|| need.missing()).to_owned())
    }

    /// A body that the route for bodies takes.
    pub(crate) fn sample(&self) -> &Sample {
        &self.found.sample
    }

    fn has(&self, need: Need) -> bool {
        let (profile, routes) = (&self.profile, &self.profile.routes);
        match need {
            Need::Key => profile.keys.valid.is_some(),
            Need::DeadKey => {
                let keys = &profile.keys;
                keys.revoked.is_some() || keys.expired.is_some() || keys.unscoped.is_some()
            }
            Need::OtherKey => profile.keys.other.is_some(),
            Need::Own => routes.own.is_some(),
            Need::Admin => routes.admin.is_some(),
            Need::Protected => routes.protected.is_some(),
            Need::Body => routes.body.is_some() && self.sample().refusal().is_none(),
            Need::AnyBody => routes.body.is_some(),
            Need::Limited => routes.limited.is_some(),
            Need::Slow => routes.slow.is_some(),
            Need::Panic => routes.panic.is_some(),
            Need::PanicBody => routes.panic_body.is_some(),
            Need::Large => routes.large.is_some(),
            Need::Page => routes.page.is_some(),
            Need::Metrics => routes.metrics.is_some(),
            Need::Ready => routes.ready.is_some(),
            Need::Health => routes.health.is_some(),
            Need::Origins => !profile.cors.origins.is_empty(),
            Need::SameSite => profile.cors.refuses_cross_site,
            Need::Lockout => profile.lockout.after.is_some(),
            Need::Tokens => self.signing.tokens.is_some(),
            Need::Signatures => self.signing.signatures.is_some(),
            Need::TrustedPeer => profile.proxy.trusted.is_some() && self.sources.are_many(),
            Need::Fronts => !profile.proxy.fronts.is_empty(),
            Need::Log => profile.sinks.log.is_some(),
            Need::Audit => profile.sinks.audit.is_some() && !profile.sinks.verify.is_empty(),
            Need::Launch => !profile.launch.command.is_empty(),
            Need::Http2 => self.found.http2,
            Need::Sources => self.sources.are_many(),
            Need::KeyStoreSwitch => profile.switches.key_store_down.is_some(),
            Need::DependencySwitch => profile.switches.dependency_down.is_some(),
            Need::OwnServer => self.found.own_server,
        }
    }
}

/// Returns a route that the attack's needs promise.
pub(crate) fn route(route: &Option<String>) -> Result<&str, Failure> {
    route
        .as_deref()
        .ok_or_else(|| Failure::not_tested("the route is not known"))
}

/// How long the first answer may take.
const FIRST_ANSWER: Duration = Duration::from_secs(4);
/// How long after its answer a server may take to close.
const TO_CLOSE: Duration = Duration::from_secs(3);
/// So many seconds in all may an attack wait for limits.
const LONGEST_WAIT: u64 = 8;
/// So many of what was made are remembered: evidence shows the last of them.
const MADE: usize = 16;
const LONGEST_MADE: usize = 8192;
