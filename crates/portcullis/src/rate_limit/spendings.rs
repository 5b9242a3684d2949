//! What a request spends.

use super::gcra::{Owed, Refused};

/// What one request spends of one policy.
#[derive(Clone, Copy, Default)]
pub(super) struct Spending {
    pub(super) rule: u8,
    /// The place of the tier, if it has one.
    pub(super) tier: Option<u32>,
    pub(super) cost: u32,
    pub(super) hash: u64,
    /// What the client sees of its key.
    pub(super) partition_key: u64,
    /// The TAT that the key has at least: by what it spent before the quotas were changed.
    pub(super) floor: u64,
}

/// What one request spends, and how it stands with each policy then. Up to `N` policies.
#[derive(Clone, Copy)]
pub(super) struct Spendings<const N: usize> {
    items: [(Spending, Result<Owed, Refused>); N],
    len: usize,
}

// ===== impl Spendings =====

impl<const N: usize> Spendings<N> {
    pub(super) const fn none() -> Self {
        Self {
            items: [(Spending::NONE, Ok(Owed(0))); N],
            len: 0,
        }
    }

    /// There are never more than policies.
    pub(super) fn push(&mut self, spending: Spending) {
        if let Some(place) = self.items.get_mut(self.len) {
            place.0 = spending;
            self.len += 1;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn each(
        &mut self,
        mut stand: impl FnMut(&Spending, Result<Owed, Refused>) -> Result<Owed, Refused>,
    ) {
        for (spending, standing) in &mut self.items[..self.len] {
            *standing = stand(spending, *standing);
        }
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Spending, Result<Owed, Refused>)> {
        self.items[..self.len].iter()
    }
}

// ===== impl Spending =====

impl Spending {
    const NONE: Self = Self {
        rule: 0,
        tier: None,
        cost: 0,
        hash: 0,
        partition_key: 0,
        floor: 0,
    };
}

/// More policies than this for one request are a mistake.
pub(super) const MAX_POLICIES: usize = 8;
