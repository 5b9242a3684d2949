//! Who gets which part of the limit.

use std::sync::Arc;

use http::request;
use portcullis_core::ConfigError;

use super::gauge::Gauge;

/// A kind of requests that has a guaranteed share.
#[derive(Clone)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) share: f64,
    pub(super) contains: Arc<Contains>,
}

type Contains = dyn Fn(&request::Parts) -> bool + Send + Sync;

/// The classes, and last what is in none of them. Empty where there are no classes.
pub(super) struct Partitions(Box<[Partition]>);

pub(super) struct Partition {
    pub(super) name: &'static str,
    /// In parts of [`WHOLE`].
    share: u32,
    contains: Option<Arc<Contains>>,
    pub(super) in_flight: Gauge,
}

// ===== impl Class =====

impl Class {
    /// Checks a class against those that there are.
    pub(super) fn check(&self, others: &[Self]) -> Result<(), ConfigError> {
        let Self { name, share, .. } = self;
        let mut problems = Vec::new();
        if !(*share > 0.0 && *share <= 1.0) {
            problems.push(format!(
                "load shed: the share of {name:?}, {share}, is not above 0 and at most 1"
            ));
        }
        let sum = others.iter().map(|other| other.share).sum::<f64>() + share;
        if sum > 1.0 + f64::EPSILON * 8.0 {
            problems.push(format!(
                "load shed: with {name:?} the shares are {sum}, more than all"
            ));
        }
        if *name == OTHER || others.iter().any(|other| other.name == *name) {
            problems.push(format!("load shed: there is a partition {name:?} already"));
        }
        ConfigError::check(problems)
    }
}

// ===== impl Partitions =====

impl Partitions {
    pub(super) fn new(classes: &[Class]) -> Self {
        if classes.is_empty() {
            return Self(Box::default());
        }
        let named = classes.iter().map(|class| Partition {
            name: class.name,
            share: ((class.share * f64::from(WHOLE)).round() as u32).max(1),
            contains: Some(Arc::clone(&class.contains)),
            in_flight: Gauge::default(),
        });
        let mut all: Vec<_> = named.collect();
        let shares = all.iter().map(|partition| partition.share).sum::<u32>();
        all.push(Partition {
            name: OTHER,
            share: WHOLE.saturating_sub(shares),
            contains: None,
            in_flight: Gauge::default(),
        });
        Self(all.into())
    }

    /// Returns the first that a request is in.
    #[inline]
    pub(super) fn find(&self, head: &request::Parts) -> usize {
        let is_in = |partition: &Partition| {
            let contains = partition.contains.as_ref();
            contains.is_none_or(|contains| contains(head))
        };
        self.0.iter().position(is_in).unwrap_or(0)
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Partition> {
        self.0.get(at)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.0.iter()
    }
}

// ===== impl Partition =====

impl Partition {
    /// Takes a place of the share, or one that is free. Returns how many are in flight in all then.
    pub(super) fn take(&self, all: &Gauge, limit: u32) -> Option<u32> {
        if self.in_flight.take(self.guaranteed(limit)).is_some() {
            return Some(all.add());
        }
        let taken = all.take(limit)?;
        self.in_flight.add();
        Some(taken)
    }

    /// Returns the share of a limit, in requests.
    pub(super) fn guaranteed(&self, limit: u32) -> u32 {
        let share = u64::from(limit) * u64::from(self.share) / u64::from(WHOLE);
        // One that has a share has a place, however low the limit is.
        (share as u32).max(u32::from(self.contains.is_some()))
    }
}

/// What is in no class.
const OTHER: &str = "other";

/// All of a limit.
const WHOLE: u32 = 1_000_000;
