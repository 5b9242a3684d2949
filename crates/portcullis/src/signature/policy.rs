use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{ConfigError, Reason, ReplayStore, Scheme, WallClock};

use super::{
    component::Component,
    fields::{LONGEST_TEXT, Params, Signed},
};

/// What a signature must cover, and how old it may be. Checked when a guard is made of it. See the
/// [module docs](super) for the defaults.
#[derive(Clone)]
pub struct SignaturePolicy {
    required: Vec<String>,
    binds_bodies: bool,
    max_age: Duration,
    skew: Duration,
    tag: Option<String>,
    pub(super) replays: Option<Arc<dyn ReplayStore>>,
    pub(super) default_scheme: Option<Scheme>,
    pub(super) clock: WallClock,
}

/// A policy that was checked.
pub(super) struct Rules {
    pub(super) policy: SignaturePolicy,
    required: Vec<Component>,
    digest: Component,
}

// ===== impl SignaturePolicy =====

impl SignaturePolicy {
    /// Creates a policy with the defaults.
    #[must_use]
    pub fn new() -> Self {
        let required = ["@method", "@authority", "@path", "@query"];
        Self {
            required: required.map(ToOwned::to_owned).into(),
            binds_bodies: true,
            max_age: Duration::from_secs(300),
            skew: Duration::from_secs(30),
            tag: None,
            replays: None,
            default_scheme: None,
            clock: WallClock::system(),
        }
    }

    /// Sets what a signature must cover, in place of the defaults: names of fields in lower case,
    /// `@method`, `@authority`, `@scheme`, `@target-uri`, `@request-target`, `@path`, `@query`, and
    /// `"@query-param";name="id"`. The digest of a body is required besides.
    #[must_use]
    pub fn require(mut self, components: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let components = components.into_iter();
        self.required = components.map(|name| name.as_ref().to_owned()).collect();
        self
    }

    /// Lets a request pass whose body is not covered by the signature: anybody on the way may change it.
    #[must_use]
    pub const fn dangerous_unsigned_bodies(mut self) -> Self {
        self.binds_bodies = false;
        self
    }

    /// Sets how long after its creation a signature is good: 300 seconds unless set. In whole seconds.
    /// [`Duration::MAX`] is for ever; nonces are kept as long.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets by how much the clocks of both sides may differ: 30 seconds unless set. In whole seconds.
    #[must_use]
    pub const fn clock_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Sets the tag that a signature must have. Of several signatures the one with the tag counts; without
    /// a tag there must be one alone.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Requires a `nonce` that was not used before with the same key, and keeps those in a store, 10 seconds
    /// longer than they are good. It is used with the head: a body that is not the one that was signed has
    /// used it too.
    #[must_use]
    pub fn single_use(mut self, store: impl ReplayStore) -> Self {
        self.replays = Some(Arc::new(store));
        self
    }

    /// Sets the scheme that clients use, where neither the connection, nor a trusted proxy, nor the
    /// target tells it: behind a proxy that ends TLS.
    #[must_use]
    pub const fn default_scheme(mut self, scheme: Scheme) -> Self {
        self.default_scheme = Some(scheme);
        self
    }

    /// Sets where the date is read.
    #[must_use]
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the policy with its components read.
    pub(super) fn check(self) -> Result<Rules, ConfigError> {
        let (required, mut problems) = match Component::parse_all(&self.required) {
            Ok(required) => (required, Vec::new()),
            Err(problems) => (Vec::new(), problems),
        };
        if self.required.is_empty() {
            problems.push("no component is required: anything would pass".to_owned());
        }
        if self.max_age.as_secs() == 0 {
            problems.push("a maximum age below a second refuses everything".to_owned());
        }
        let is_tag = |tag: &String| {
            !tag.is_empty()
                && tag.len() <= LONGEST_TEXT
                && tag.bytes().all(|b| (0x20..0x7f).contains(&b))
        };
        if !self.tag.as_ref().is_none_or(is_tag) {
            problems.push("a tag is 1 to 256 characters of ASCII that can be printed".to_owned());
        }
        ConfigError::check(
            problems
                .into_iter()
                .map(|problem| format!("signatures: {problem}"))
                .collect(),
        )?;
        Ok(Rules {
            policy: self,
            required,
            digest: Component::content_digest(),
        })
    }
}

impl Default for SignaturePolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SignaturePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignaturePolicy")
            .field("required", &self.required)
            .field("binds_bodies", &self.binds_bodies)
            .field("max_age", &self.max_age)
            .field("skew", &self.skew)
            .field("tag", &self.tag)
            .field("is_single_use", &self.replays.is_some())
            .finish_non_exhaustive()
    }
}

// ===== impl Rules =====

impl Rules {
    pub(super) fn tag(&self) -> Option<&str> {
        self.policy.tag.as_deref()
    }

    /// Checks what is covered, and when.
    pub(super) fn judge(&self, signed: &Signed, has_body: bool, now: u64) -> Result<(), Reason> {
        let digest = (has_body && self.policy.binds_bodies).then_some(&self.digest);
        let mut required = self.required.iter().chain(digest);
        if !required.all(|component| signed.covers(component)) {
            return Err(Reason::Incomplete);
        }
        if self.policy.replays.is_some() && signed.params.nonce.as_deref().is_none_or(str::is_empty)
        {
            return Err(Reason::Incomplete);
        }
        self.judge_time(&signed.params, now)
    }

    fn judge_time(&self, params: &Params, now: u64) -> Result<(), Reason> {
        let created = params.created.ok_or(Reason::Incomplete)?;
        let skew = self.policy.skew.as_secs();
        if created > now.saturating_add(skew) {
            return Err(Reason::NotYetValid);
        }
        let expires = params.expires.map(|expires| expires.saturating_add(skew));
        let until = self.good_until(created).min(expires.unwrap_or(u64::MAX));
        if params.expires.is_some_and(|expires| expires < created) {
            Err(Reason::Malformed)
        } else if now > until {
            Err(Reason::Expired)
        } else {
            Ok(())
        }
    }

    /// Returns until when a signature could be used again, in seconds since 1970.
    pub(super) fn good_until(&self, created: u64) -> u64 {
        let policy = &self.policy;
        let late = created.saturating_add(policy.max_age.as_secs());
        late.saturating_add(policy.skew.as_secs())
    }

    /// Returns what a client must sign, as it is told (RFC 9421, section 5.1).
    pub(super) fn accept_signature(&self) -> String {
        let digest = self.policy.binds_bodies.then_some(&self.digest);
        let components = self.required.iter().chain(digest);
        let components: Vec<_> = components.map(|component| &*component.text).collect();
        let quoted = |tag: &str| tag.replace('\\', "\\\\").replace('"', "\\\"");
        let tag = self.tag().map(|tag| format!(";tag=\"{}\"", quoted(tag)));
        let tag = tag.unwrap_or_default();
        format!("sig=({});created{tag}", components.join(" "))
    }
}

/// For people.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &self.policy;
        let digest = if policy.binds_bodies { ", bodies" } else { "" };
        let (required, age) = (policy.required.join(", "), policy.max_age.as_secs());
        write!(f, "signature of {required}{digest}, at most {age} s old")?;
        if policy.replays.is_some() {
            f.write_str(", each nonce once")?;
        }
        Ok(())
    }
}
