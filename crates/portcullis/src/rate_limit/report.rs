//! What clients are told: the `RateLimit` and `RateLimit-Policy` fields, and `Retry-After`.

use std::time::Duration;

use http::HeaderName;
use portcullis_core::{Quota, Rejection, RejectionKind, Reply};

use super::{
    gcra::{Owed, Refused},
    rule::{Quoted, Rule},
    rules::Rules,
    spendings::{MAX_POLICIES, Spending, Spendings},
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
    policy: Option<Box<[u8]>>,
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
            text.as_bytes().into()
        });
        Self { policy, ..self }
    }

    /// Writes the fields of the response to a request that spent this.
    #[inline]
    pub(super) fn write<const N: usize>(
        &self,
        rules: &Rules,
        spendings: &Spendings<N>,
        reply: &mut Reply,
    ) {
        if self.draft.is_some() {
            match &self.policy {
                Some(policy) => reply.write(RATELIMIT_POLICY, policy),
                None => write_policies(rules, spendings, reply),
            }
            write_limits(rules, spendings, reply);
        }
        if self.legacy {
            write_legacy(rules, spendings, reply);
        }
    }

    /// Returns the names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = HeaderName> + use<> {
        let told = self.draft.map(|_| [RATELIMIT_POLICY, RATELIMIT]);
        let legacy = self.legacy.then_some(LEGACY);
        told.into_iter()
            .flatten()
            .chain(legacy.into_iter().flatten())
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
                rejection = rejection.with_violated_policy(rule.policy.name.to_string());
                wait = wait.max(refused.0);
            }
        }
        let seconds = seconds(wait).max(1);
        let wait = Duration::from_secs(seconds + self.jitter(seconds));
        rejection.with_retry_after(wait)
    }

    /// Up to a tenth of the wait, at least up to a second: clients that were refused together do
    /// not come back together.
    fn jitter(&self, seconds: u64) -> u64 {
        if self.jitter {
            rand::random_range(0..=(seconds / 10).max(1))
        } else {
            0
        }
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
fn write_policies<const N: usize>(rules: &Rules, spendings: &Spendings<N>, reply: &mut Reply) {
    let mut text = Text::<N>::new();
    for (rule, quoted, ..) in shown(rules, spendings) {
        write_policy(&mut text, rule, quoted);
    }
    text.write_to(reply, RATELIMIT_POLICY);
}

fn write_policy<const N: usize>(text: &mut Text<N>, rule: &Rule, quoted: &Quoted) {
    let quota = quoted.quota;
    text.item(&rule.policy.name);
    text.number(";q=", u64::from(quota.max_burst()));
    text.number(";w=", window(quota));
}

/// `"hour";r=999;t=4;pk=:c2VjcmV0:`, for each policy.
#[inline]
fn write_limits<const N: usize>(rules: &Rules, spendings: &Spendings<N>, reply: &mut Reply) {
    let mut text = Text::<N>::new();
    for (rule, quoted, spending, standing) in shown(rules, spendings) {
        let (left, wait) = standing_of(quoted, standing);
        text.prepared_item(&rule.start, u64::from(left));
        text.number(";t=", wait);
        text.bytes(";pk=", spending.partition_key);
    }
    text.write_to(reply, RATELIMIT);
}

/// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now), of the strictest policy.
fn write_legacy<const N: usize>(rules: &Rules, spendings: &Spendings<N>, reply: &mut Reply) {
    let standings = shown(rules, spendings).map(|(_, quoted, _, standing)| {
        let (left, wait) = standing_of(quoted, standing);
        (left, u64::MAX - wait, quoted.quota.max_burst())
    });
    let Some((left, wait, burst)) = standings.min() else {
        return;
    };
    let numbers = [u64::from(burst), u64::from(left), u64::MAX - wait];
    for (name, number) in LEGACY.into_iter().zip(numbers) {
        reply.write(name, itoa::Buffer::new().format(number).as_bytes());
    }
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

/// The whole seconds in which a burst refills, rounded up: from the quota itself, as an interval is
/// rounded already.
fn window(quota: Quota) -> u64 {
    let bursts = quota.period().as_nanos() * u128::from(quota.max_burst());
    let seconds = bursts.div_ceil(u128::from(quota.count()) * 1_000_000_000);
    u64::try_from(seconds).unwrap_or(u64::MAX)
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
