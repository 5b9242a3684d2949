//! What clients are told: the `RateLimit` and `RateLimit-Policy` fields, and `Retry-After`.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::{Rejection, RejectionKind};

use super::{
    gcra::{Owed, Refused},
    rules::{MAX_POLICIES, Quoted, Rule, Rules, Spending, Spendings},
    text::Text,
};

/// Which draft of draft-ietf-httpapi-ratelimit-headers the fields follow.
///
/// The wire form changed in drafts 3, 6, 7 and 8, so the number is part of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderDraft {
    /// Draft 10.
    V10,
}

/// What is told, and how.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) draft: Option<HeaderDraft>,
    pub(super) legacy: bool,
    pub(super) jitter: bool,
    /// `RateLimit-Policy`, where it is the same for all requests.
    policy: Option<HeaderValue>,
}

/// The fields of one answer.
#[derive(Default)]
pub(super) struct Fields {
    policy: Option<HeaderValue>,
    limit: Option<HeaderValue>,
    legacy: Option<Box<[HeaderValue; 3]>>,
}

// ===== impl Report =====

impl Report {
    pub(super) const DEFAULT: Self = Self {
        draft: Some(HeaderDraft::V10),
        legacy: false,
        jitter: true,
        policy: None,
    };

    /// Writes down what is the same for all requests.
    pub(super) fn about(self, rules: &[Rule]) -> Self {
        let shown: Vec<_> = rules.iter().filter(|rule| !rule.policy.dry_run).collect();
        let is_fixed =
            |rule: &&Rule| rule.policy.scope.is_everything() && rule.policy.tiers.is_empty();
        let policy = (!shown.is_empty() && shown.iter().all(is_fixed)).then(|| {
            let mut text = Text::<MAX_POLICIES>::new();
            for rule in shown {
                write_policy(&mut text, rule, rule.own());
            }
            text.value()
        });
        let policy = policy.flatten();
        Self { policy, ..self }
    }

    /// The fields of an answer to a request that spent this.
    #[inline]
    pub(super) fn fields<const N: usize>(&self, rules: &Rules, spendings: &Spendings<N>) -> Fields {
        let told = self.draft.is_some();
        let policy = || self.policy.clone().or_else(|| policies(rules, spendings));
        let legacy = || legacy(rules, spendings);
        Fields {
            policy: told.then(policy).flatten(),
            limit: told.then(|| limits(rules, spendings)).flatten(),
            legacy: self.legacy.then(legacy).flatten(),
        }
    }

    /// The rejection of a request that could not spend this.
    pub(super) fn refuse<const N: usize>(
        &self,
        rules: &Rules,
        spendings: &Spendings<N>,
    ) -> Rejection {
        let mut rejection = Rejection::new(RejectionKind::RateLimited);
        let mut wait = 0;
        for (spending, standing) in spendings.iter() {
            let (rule, _) = rules.of(spending);
            if let (Err(refused), false) = (standing, rule.policy.dry_run) {
                rejection = rejection.violates(rule.policy.name.to_string());
                wait = wait.max(refused.0);
            }
        }
        let seconds = seconds(wait).max(1);
        let wait = Duration::from_secs(seconds + self.jitter(seconds));
        let fields = self.fields(rules, spendings).into_iter();
        fields.fold(rejection.retry_after(wait), |rejection, (name, value)| {
            rejection.header(name, value)
        })
    }

    /// Up to a tenth of the wait, at least up to a second: clients that were refused together do
    /// not come back together.
    fn jitter(&self, seconds: u64) -> u64 {
        match self.jitter {
            true => rand::random_range(0..=(seconds / 10).max(1)),
            false => 0,
        }
    }
}

// ===== impl Fields =====

impl Fields {
    #[inline]
    pub(super) fn insert_into(&mut self, headers: &mut HeaderMap) {
        if let Some(policy) = self.policy.take() {
            headers.insert(RATELIMIT_POLICY, policy);
        }
        if let Some(limit) = self.limit.take() {
            headers.insert(RATELIMIT, limit);
        }
        if let Some(legacy) = self.legacy.take() {
            headers.extend(LEGACY.into_iter().zip(*legacy));
        }
    }

    fn into_iter(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let policy = self.policy.map(|value| (RATELIMIT_POLICY, value));
        let limit = self.limit.map(|value| (RATELIMIT, value));
        let legacy = self.legacy.into_iter();
        let legacy = legacy.flat_map(|values| LEGACY.into_iter().zip(*values));
        policy.into_iter().chain(limit).chain(legacy)
    }
}

type Standing<'r> = (
    &'r Rule,
    &'r Quoted,
    &'r Spending,
    &'r Result<Owed, Refused>,
);

/// What is shown of a request: dry runs are not.
fn shown<'r, const N: usize>(
    rules: &'r Rules,
    spendings: &'r Spendings<N>,
) -> impl Iterator<Item = Standing<'r>> {
    spendings.iter().filter_map(|(spending, standing)| {
        let (rule, quoted) = rules.of(spending);
        (!rule.policy.dry_run).then_some((rule, quoted, spending, standing))
    })
}

/// `"hour";q=1000;w=3600`, for each policy.
#[cold]
fn policies<const N: usize>(rules: &Rules, spendings: &Spendings<N>) -> Option<HeaderValue> {
    let mut text = Text::<N>::new();
    for (rule, quoted, ..) in shown(rules, spendings) {
        write_policy(&mut text, rule, quoted);
    }
    text.value()
}

fn write_policy<const N: usize>(text: &mut Text<N>, rule: &Rule, quoted: &Quoted) {
    let quota = quoted.quota;
    let window = quota.refill_interval().saturating_mul(quota.max_burst());
    text.item(&rule.policy.name);
    text.number(";q=", u64::from(quota.max_burst()));
    text.number(";w=", seconds(super::gcra::nanos(window)).max(1));
}

/// `"hour";r=999;t=4;pk=:c2VjcmV0:`, for each policy.
#[inline]
fn limits<const N: usize>(rules: &Rules, spendings: &Spendings<N>) -> Option<HeaderValue> {
    let mut text = Text::<N>::new();
    for (rule, quoted, spending, standing) in shown(rules, spendings) {
        let (left, wait) = standing_of(quoted, standing);
        text.prepared_item(&rule.start, u64::from(left));
        text.number(";t=", wait);
        text.bytes(";pk=", spending.mark);
    }
    text.value()
}

/// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now), of the strictest policy.
fn legacy<const N: usize>(
    rules: &Rules,
    spendings: &Spendings<N>,
) -> Option<Box<[HeaderValue; 3]>> {
    let standings = shown(rules, spendings).map(|(_, quoted, _, standing)| {
        let (left, wait) = standing_of(quoted, standing);
        (left, u64::MAX - wait, quoted.quota.max_burst())
    });
    let (left, wait, burst) = standings.min()?;
    Some(Box::new([
        HeaderValue::from(burst),
        HeaderValue::from(left),
        HeaderValue::from(u64::MAX - wait),
    ]))
}

/// What is left, and after how many seconds there is more.
#[inline]
fn standing_of(quoted: &Quoted, standing: &Result<Owed, Refused>) -> (u32, u64) {
    match standing {
        Ok(owed) => {
            let more = seconds(quoted.rate.until_more(*owed));
            (quoted.rate.left(*owed), more)
        }
        Err(refused) => (0, seconds(refused.0).max(1)),
    }
}

/// Whole seconds, rounded up.
const fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEGACY: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];
