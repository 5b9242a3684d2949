//! What clients are told: the `RateLimit` and `RateLimit-Policy` fields, and `Retry-After`.

use std::time::Duration;

use http::HeaderName;
use portcullis_core::{Quota, Rejection, RejectionKind, Reply};

use super::{
    charges::{Charge, Charges, MAX_POLICIES},
    policy::Unit,
    rate::{Decision, Rate},
    rules::{Rule, Rules},
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) draft: Option<HeaderDraft>,
    pub(super) legacy: bool,
    pub(super) jitter: bool,
}

// ===== impl Fields =====

impl Fields {
    pub(super) const DEFAULT: Self = Self {
        draft: Some(HeaderDraft::V10),
        legacy: false,
        jitter: true,
    };

    /// Writes the fields of the response to a request that was charged this.
    #[inline]
    pub(super) fn write<const N: usize>(
        self,
        rules: &Rules,
        charges: &Charges<N>,
        reply: &mut Reply,
    ) {
        if self.draft.is_some() {
            match &rules.policy_field {
                Some(policy) => reply.write(RATELIMIT_POLICY, policy),
                None => write_policies(rules, charges, reply),
            }
            write_limits(rules, charges, reply);
        }
        if self.legacy {
            write_legacy(rules, charges, reply);
        }
    }

    /// Returns the names of the fields.
    pub(super) fn names(self) -> impl Iterator<Item = HeaderName> + use<> {
        let told = self.draft.map(|_| [RATELIMIT_POLICY, RATELIMIT]);
        let legacy = self.legacy.then_some(LEGACY);
        told.into_iter()
            .flatten()
            .chain(legacy.into_iter().flatten())
    }

    /// The rejection of a request that was refused.
    pub(super) fn refuse<const N: usize>(self, rules: &Rules, charges: &Charges<N>) -> Rejection {
        let mut rejection = Rejection::new(RejectionKind::RateLimited).with_layer("rate_limit");
        let mut wait = 0;
        for (charge, decision) in charges.iter() {
            let policy = &rules.rule(charge).policy;
            if let (Err(over), false) = (decision, policy.dry_run) {
                rejection = rejection.with_violated_policy(policy.name.to_string());
                wait = wait.max(over.wait_nanos());
            }
        }
        let seconds = seconds(wait).max(1);
        let wait = Duration::from_secs(seconds + self.jitter(seconds));
        rejection.with_retry_after(wait)
    }

    /// Up to a tenth of the wait, at least up to a second: clients that were refused together do
    /// not come back together.
    fn jitter(self, seconds: u64) -> u64 {
        if self.jitter {
            rand::random_range(0..=(seconds / 10).max(1))
        } else {
            0
        }
    }
}

/// Returns `RateLimit-Policy`, where it is the same for all requests.
pub(super) fn fixed_policy(rules: &[Rule]) -> Option<Box<[u8]>> {
    let shown = || rules.iter().filter(|rule| !rule.policy.dry_run);
    let is_fixed = |rule: &Rule| rule.policy.scope.is_everything() && rule.quotas.is_one();
    let are_fixed = shown().next().is_some() && shown().all(is_fixed);
    are_fixed.then(|| {
        let mut text = Text::<MAX_POLICIES>::new();
        for rule in shown() {
            write_policy(&mut text, rule, rule.quotas.get(None));
        }
        text.as_bytes().into()
    })
}

type Shown<'r> = (&'r Rule, &'r Rate, &'r Charge, &'r Decision);

/// What is shown of a request: dry runs are not.
fn shown<'r, const N: usize>(
    rules: &'r Rules,
    charges: &'r Charges<N>,
) -> impl Iterator<Item = Shown<'r>> {
    charges.iter().filter_map(|(charge, decision)| {
        let rule = rules.rule(charge);
        (!rule.policy.dry_run).then_some((rule, rules.rate(charge), charge, decision))
    })
}

/// `"hour";q=1000;w=3600`, for each policy.
#[cold]
fn write_policies<const N: usize>(rules: &Rules, charges: &Charges<N>, reply: &mut Reply) {
    let mut text = Text::<N>::new();
    for (rule, rate, ..) in shown(rules, charges) {
        write_policy(&mut text, rule, rate);
    }
    text.write_to(reply, RATELIMIT_POLICY);
}

/// Requests are what a quota counts where it does not say so.
fn write_policy<const N: usize>(text: &mut Text<N>, rule: &Rule, rate: &Rate) {
    let quota = rate.quota();
    text.item(&rule.policy.name);
    text.number(";q=", u64::from(quota.max_burst()));
    text.number(";w=", window(quota));
    if rule.policy.unit == Unit::ContentBytes {
        text.string(";qu=", "content-bytes");
    }
}

/// `"hour";r=999;t=4;pk=:c2VjcmV0:`, for each policy.
#[inline]
fn write_limits<const N: usize>(rules: &Rules, charges: &Charges<N>, reply: &mut Reply) {
    let mut text = Text::<N>::new();
    for (rule, _, charge, decision) in shown(rules, charges) {
        let (left, wait) = left_and_wait(decision);
        text.prepared_item(&rule.start, u64::from(left));
        text.number(";t=", wait);
        text.bytes(";pk=", charge.partition_key);
    }
    text.write_to(reply, RATELIMIT);
}

/// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now), of the strictest policy.
fn write_legacy<const N: usize>(rules: &Rules, charges: &Charges<N>, reply: &mut Reply) {
    let standings = shown(rules, charges).map(|(_, rate, _, decision)| {
        let (left, wait) = left_and_wait(decision);
        (left, u64::MAX - wait, rate.quota().max_burst())
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
fn left_and_wait(decision: &Decision) -> (u32, u64) {
    match decision {
        Ok(admitted) => (admitted.left(), seconds(admitted.more_in())),
        Err(over) => (over.left(), seconds(over.wait_nanos()).max(1)),
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

pub(super) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEGACY: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];
