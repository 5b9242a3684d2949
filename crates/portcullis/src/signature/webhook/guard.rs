use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, Cause, Facts, Guard, Principal, Reason, Rejection, RejectionKind, ReplayNote,
    ReplayStore, Reply, Verdict, WallClock,
};

use super::{WebhookSecret, check::Check, dates::Dates};
use crate::{
    credentials::{self, Found},
    engine::Alone,
    signature::replays,
};

/// Admits webhooks of one sender. See the [module docs](super).
#[derive(Clone)]
pub struct WebhookGuard(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    secrets: Vec<WebhookSecret>,
    principal: Principal,
    tolerance: Duration,
    replays: Option<Arc<dyn ReplayStore>>,
    clock: WallClock,
}

/// What a webhook tells of itself.
struct Told<'h> {
    id: &'h str,
    timestamp: &'h str,
    time: u64,
    signatures: Vec<Vec<u8>>,
}

/// Admits webhooks of one sender. See the [module docs](super) for an example.
pub type WebhookLayer = Alone<WebhookGuard>;

// ===== impl WebhookGuard =====

impl WebhookGuard {
    /// Creates a guard for a sender.
    #[must_use]
    pub fn new(secret: WebhookSecret, principal: Principal) -> Self {
        Self(Arc::new(Inner {
            secrets: vec![secret],
            principal: principal.with_scheme(AuthScheme::Webhook),
            tolerance: Duration::from_secs(300),
            replays: None,
            clock: WallClock::system(),
        }))
    }

    /// Adds a secret of the same sender. Of more than 4 the first count.
    #[must_use]
    pub fn secret(mut self, secret: WebhookSecret) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.secrets.push(secret);
        inner.secrets.truncate(MOST_SECRETS);
        self
    }

    /// Sets by how much a timestamp may differ from the current time: 300 seconds unless set. In whole
    /// seconds. It must be so when the head comes, and when all of the body was read.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        Arc::make_mut(&mut self.0).tolerance = tolerance;
        self
    }

    /// Refuses a webhook that came before, with the same identifier and timestamp, and keeps those in a
    /// store.
    #[must_use]
    pub fn single_use(mut self, store: impl ReplayStore) -> Self {
        Arc::make_mut(&mut self.0).replays = Some(Arc::new(store));
        self
    }

    /// Sets where the date is read.
    #[must_use]
    pub fn clock(mut self, clock: WallClock) -> Self {
        Arc::make_mut(&mut self.0).clock = clock;
        self
    }
}

impl Guard for WebhookGuard {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        credentials::hide(&mut head.headers, &[SIGNATURE]);
        match self.0.check(&head.headers) {
            Ok(check) => {
                reply.check_body(check);
                Facts::of_mut(&mut head.extensions).set(self.0.principal.clone());
                Verdict::Admit
            }
            Err(reason) => reject(reason, None).into(),
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers, &[SIGNATURE]);
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![CHALLENGE]
    }

    fn describe(&self) -> String {
        let (inner, seconds) = (&self.0, self.0.tolerance.as_secs());
        let once = inner.replays.as_ref().map_or("", |_| ", each once");
        format!(
            "webhooks of {}, within {seconds} s{once}",
            inner.principal.id()
        )
    }
}

impl fmt::Debug for WebhookGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookGuard")
            .field("principal", &self.0.principal.id())
            .finish_non_exhaustive()
    }
}

// ===== impl Inner =====

impl Inner {
    fn check(&self, headers: &HeaderMap) -> Result<Check, Reason> {
        let told = Told::read(headers)?;
        let dates = Dates {
            clock: self.clock.clone(),
            sent: told.time,
            tolerance: self.tolerance.as_secs(),
        };
        let now = dates.judge()?;
        let signed = format!("{}.{}.", told.id, told.timestamp);
        let begun = self
            .secrets
            .iter()
            .map(|secret| secret.begin(signed.as_bytes()));
        let begun: Option<Vec<_>> = begun.collect();
        let store = self.replays.clone();
        let note = self.note(&told, now, dates.until());
        Ok(Check::new(
            begun.ok_or(Reason::Malformed)?,
            told.signatures,
            dates,
            store.map(|store| (store, note)),
            reject(Reason::BadSignature, Some(told.id)),
        ))
    }

    fn note(&self, told: &Told<'_>, now: u64, until: u64) -> ReplayNote {
        let used = format!("{}.{}", told.id, told.timestamp);
        replays::note("webhook", self.principal.id(), &used, now, until)
    }
}

// ===== impl Told =====

impl<'h> Told<'h> {
    /// Reads the three fields. None of them is no webhook; some of them are a wrong one.
    fn read(headers: &'h HeaderMap) -> Result<Self, Reason> {
        if !FIELDS.iter().any(|name| headers.contains_key(name)) {
            return Err(Reason::NoCredentials);
        }
        let [id, timestamp, signatures] = [
            field(headers, &ID)?,
            field(headers, &TIMESTAMP)?,
            field(headers, &SIGNATURE)?,
        ];
        let is_id = (1..=LONGEST_ID).contains(&id.len()) && !id.contains('.');
        let time = timestamp.parse::<u64>().ok();
        // No sign, no zero in front: it is signed as it is written.
        let time = time.filter(|time| time.to_string() == timestamp);
        let (true, Some(time)) = (is_id, time) else {
            return Err(Reason::Malformed);
        };
        let signatures = read_signatures(signatures)?;
        Ok(Self {
            id,
            timestamp,
            time,
            signatures,
        })
    }
}

fn read_signatures(text: &str) -> Result<Vec<Vec<u8>>, Reason> {
    let texts = text.split(' ').filter(|text| !text.is_empty());
    let texts: Vec<&str> = texts.take(MOST_SIGNATURES + 1).collect();
    if texts.len() > MOST_SIGNATURES {
        return Err(Reason::Malformed);
    }
    let known = texts.iter().filter_map(|text| text.strip_prefix("v1,"));
    let known: Result<Vec<_>, _> = known.map(|text| STANDARD.decode(text)).collect();
    let known = known.map_err(|_| Reason::Malformed)?;
    if known.is_empty() {
        return Err(Reason::NotAllowed);
    }
    Ok(known)
}

fn field<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Reason> {
    match credentials::only(headers, name) {
        Found::One(value) if value.len() <= LONGEST => {
            value.to_str().map_err(|_| Reason::Malformed)
        }
        Found::One(_) => Err(Reason::Malformed),
        Found::Nothing => Err(Reason::Incomplete),
        Found::Several => Err(Reason::SeveralCredentials),
    }
}

/// The same for every reason.
pub(super) fn reject(reason: Reason, id: Option<&str>) -> Rejection {
    let cause = Cause::new(AuthScheme::Webhook, reason);
    let cause = match id {
        Some(id) => cause.with_subject(id),
        None => cause,
    };
    Rejection::new(RejectionKind::Unauthenticated)
        .with_layer("webhook")
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
        .with_cause(cause)
}

/// Reads the fields of a webhook. Returns `true` if they can be read.
pub(in crate::signature) fn fuzz(headers: &HeaderMap) -> bool {
    Told::read(headers).is_ok()
}

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const FIELDS: [HeaderName; 3] = [ID, TIMESTAMP, SIGNATURE];

/// A 401 has a challenge (RFC 9110, section 15.5.2); the specification has none of its own.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Webhook realm=\"api\"");

const LONGEST: usize = 4 * 1024;
const LONGEST_ID: usize = 256;
const MOST_SECRETS: usize = 4;
const MOST_SIGNATURES: usize = 16;
