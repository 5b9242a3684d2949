use std::{array, fmt, sync::Arc};

use portcullis_core::{AuthScheme, ConfigError, Principal, Reason};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::KeyDigest;

/// One secret of a key: its digest, and when it opens.
#[derive(Clone, Copy, Debug)]
pub struct KeySecret {
    digest: KeyDigest,
    /// In seconds since 1970.
    not_before: u64,
    expires: u64,
    is_revoked: bool,
}

/// What a [`KeyStore`](super::KeyStore) knows about a key: whose it is, and up to four secrets.
///
/// A key has several secrets while it is rotated: the old one opens until it expires, the new one
/// already does.
#[derive(Clone)]
pub struct KeyRecord {
    inner: Arc<Inner>,
    /// A record that stands for a key which nobody knows costs the same work, and never opens.
    is_known: bool,
}

/// Aligned, so that a look at it is in the same cache lines whichever it is.
#[repr(align(64))]
struct Inner {
    principal: Principal,
    /// Those that are not there have the digest of nobody.
    secrets: [KeySecret; MOST_SECRETS],
    is_revoked: bool,
}

// ===== impl KeySecret =====

impl KeySecret {
    const NONE: Self = Self {
        digest: KeyDigest::NONE,
        not_before: NEVER,
        expires: 0,
        is_revoked: true,
    };

    /// Creates a secret that opens at any time.
    #[must_use]
    pub const fn new(digest: KeyDigest) -> Self {
        Self {
            digest,
            not_before: 0,
            expires: NEVER,
            is_revoked: false,
        }
    }

    /// Sets from when it opens, in seconds since 1970.
    #[must_use]
    pub const fn not_before(self, unix: u64) -> Self {
        Self {
            not_before: earliest(unix),
            ..self
        }
    }

    /// Sets when it opens no more, in seconds since 1970: at that second already.
    #[must_use]
    pub const fn expires(self, unix: u64) -> Self {
        Self {
            expires: earliest(unix),
            ..self
        }
    }

    /// Revokes it: it never opens again.
    #[must_use]
    pub const fn revoked(self) -> Self {
        Self {
            is_revoked: true,
            ..self
        }
    }

    /// Returns the same, expiring then at the latest if it opens now.
    fn ending(self, unix: u64, now: u64) -> Self {
        let opens = !self.is_revoked && self.not_before <= now;
        if opens {
            self.expires(self.expires.min(unix))
        } else {
            self
        }
    }

    /// Returns `true` if there is no time at which it opens.
    pub(super) const fn never_opens(&self) -> bool {
        self.not_before >= self.expires
    }

    fn is_there(&self) -> bool {
        self.expires > 0
    }

    /// Returns why it doesn't open, which says nothing of what was presented.
    #[inline]
    fn why_not(&self, now: u64) -> u8 {
        let is_early = is_before(now, self.not_before);
        let is_late = 1 ^ is_before(now, self.expires);
        let is_revoked = u8::from(self.is_revoked);
        // One bit each: the worst is picked by a table.
        WHY_NOT[usize::from(is_revoked << 2 | is_late << 1 | is_early)]
    }
}

// ===== impl KeyRecord =====

impl KeyRecord {
    /// Creates a record of a key with one secret, which opens at any time.
    #[must_use]
    pub fn new(digest: KeyDigest, principal: Principal) -> Self {
        let mut secrets = [KeySecret::NONE; MOST_SECRETS];
        secrets[0] = KeySecret::new(digest);
        Self::known(principal, secrets)
    }

    /// Creates a record of a key with several secrets.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong: no secret, more than four, or one that expires before it opens.
    pub fn try_new(
        principal: Principal,
        secrets: impl IntoIterator<Item = KeySecret>,
    ) -> Result<Self, ConfigError> {
        let given: Vec<_> = secrets.into_iter().take(MOST_SECRETS + 1).collect();
        let never = given.iter().any(KeySecret::never_opens);
        let problems = [
            (given.is_empty(), "a key has at least one secret"),
            (given.len() > MOST_SECRETS, "a key has at most 4 secrets"),
            (never, "a secret expires before it opens"),
        ];
        let broken = problems.iter().filter(|(is_broken, _)| *is_broken);
        ConfigError::check(broken.map(|(_, problem)| (*problem).to_owned()).collect())?;
        let secret = |at| given.get(at).copied().unwrap_or(KeySecret::NONE);
        Ok(Self::known(principal, array::from_fn(secret)))
    }

    /// Revokes all of the key's secrets.
    #[must_use]
    pub fn revoked(self) -> Self {
        let inner = Inner {
            principal: self.inner.principal.clone(),
            secrets: self.inner.secrets.map(KeySecret::revoked),
            is_revoked: true,
        };
        Self {
            inner: Arc::new(inner),
            ..self
        }
    }

    /// Adds a secret, and lets those that open now expire at `old_expire`, in seconds since 1970, unless they
    /// do so earlier. Those that do not open yet are left alone. One that has expired makes room, and, where
    /// there is none, one that was revoked.
    ///
    /// # Errors
    ///
    /// Returns what is wrong: four secrets that all open still, or will; one that expires before it opens; or
    /// a key that was revoked.
    pub fn rotated(&self, new: KeySecret, old_expire: u64, now: u64) -> Result<Self, ConfigError> {
        if self.is_revoked() {
            return Err(ConfigError::new("the key was revoked"));
        }
        let live = self.secrets().filter(|secret| secret.expires > now);
        let ending = live.map(|secret| secret.ending(old_expire, now));
        let mut kept: Vec<_> = ending.filter(|secret| !secret.never_opens()).collect();
        let revoked = kept.iter().position(|secret| secret.is_revoked);
        if let Some(at) = revoked
            && kept.len() == MOST_SECRETS
        {
            kept.remove(at);
        }
        kept.push(new);
        Self::try_new(self.inner.principal.clone(), kept)
    }

    /// Returns whose key it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    /// Returns `true` if the key was revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.inner.is_revoked
    }

    /// Returns how much of the key was revoked.
    pub(super) fn revocations(&self) -> usize {
        let secrets = self.secrets().filter(|secret| secret.is_revoked);
        secrets.count() + usize::from(self.inner.is_revoked)
    }

    /// Returns a record of a key that nobody knows.
    pub(super) fn nobody() -> Self {
        let secrets = [KeySecret::NONE; MOST_SECRETS];
        Self::known(Principal::new(""), secrets).known_if(Choice::from(0))
    }

    /// Returns the same record, for a key that may be known.
    #[inline]
    pub(super) fn known_if(self, is_known: Choice) -> Self {
        Self {
            is_known: self.is_known & bool::from(is_known),
            ..self
        }
    }

    /// Returns the same record, whose principal came with the key of this id, unless it has one already.
    #[inline]
    pub(super) fn of(self, id: &str) -> Self {
        if self.inner.principal.key_id().is_some() {
            return self;
        }
        let inner = Inner {
            principal: self.inner.principal.clone().with_key(id),
            ..*self.inner
        };
        Self {
            inner: Arc::new(inner),
            ..self
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Judges a secret. The work is the same whatever comes of it.
    #[inline]
    pub(super) fn judge(&self, presented: &KeyDigest, now: u64) -> Result<&Principal, Reason> {
        let is_known = Choice::from(u8::from(self.is_known));
        let mut why = Reason::UnknownKey as u8;
        why.conditional_assign(&(Reason::WrongSecret as u8), is_known);
        for secret in &self.inner.secrets {
            let is_it = secret.digest.ct_eq(presented);
            why.conditional_assign(&secret.why_not(now), is_it & is_known);
        }
        if why == OPEN {
            Ok(&self.inner.principal)
        } else {
            Err(REASONS[usize::from(why) % REASONS.len()])
        }
    }

    fn known(principal: Principal, secrets: [KeySecret; MOST_SECRETS]) -> Self {
        let inner = Inner {
            principal: principal.with_scheme(AuthScheme::ApiKey),
            secrets,
            is_revoked: false,
        };
        Self {
            inner: Arc::new(inner),
            is_known: true,
        }
    }

    fn secrets(&self) -> impl Iterator<Item = KeySecret> {
        let secrets = self.inner.secrets.iter().copied();
        secrets.filter(KeySecret::is_there)
    }
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord")
            .field("principal", &self.inner.principal)
            .field("secrets", &self.secrets().count())
            .field("is_revoked", &self.inner.is_revoked)
            .finish()
    }
}

/// Returns 1 if a time is before another, else 0. Both are below 2^63: 292 billion years.
const fn is_before(time: u64, other: u64) -> u8 {
    (time.wrapping_sub(other) >> 63) as u8
}

const fn earliest(unix: u64) -> u64 {
    if unix < NEVER { unix } else { NEVER }
}

/// By three bits: revoked, late, early.
const WHY_NOT: [u8; 8] = {
    let (early, late) = (Reason::NotYetValid as u8, Reason::Expired as u8);
    let revoked = Reason::Revoked as u8;
    [OPEN, early, late, late, revoked, revoked, revoked, revoked]
};
const NEVER: u64 = u64::MAX >> 1;
/// No reason against it.
const OPEN: u8 = u8::MAX;
pub(super) const MOST_SECRETS: usize = 4;
/// What a record may find, by number.
const REASONS: [Reason; 8] = {
    let mut reasons = [Reason::UnknownKey; 8];
    reasons[Reason::UnknownKey as usize] = Reason::UnknownKey;
    reasons[Reason::WrongSecret as usize] = Reason::WrongSecret;
    reasons[Reason::NotYetValid as usize] = Reason::NotYetValid;
    reasons[Reason::Expired as usize] = Reason::Expired;
    reasons[Reason::Revoked as usize] = Reason::Revoked;
    reasons
};

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> KeyDigest {
        KeyDigest::from_secret(text)
    }

    #[test]
    fn each_secret_opens_in_its_own_time() {
        let alice = Principal::new("alice");
        let secrets = [
            KeySecret::new(digest("old")).expires(200),
            KeySecret::new(digest("new")).not_before(100),
            KeySecret::new(digest("stolen")).revoked(),
        ];
        let record = KeyRecord::try_new(alice, secrets).unwrap();
        let judge = |secret, now| record.judge(&digest(secret), now).map(Principal::id);

        assert_eq!(judge("old", 199), Ok("alice"));
        assert_eq!(judge("old", 200), Err(Reason::Expired));
        assert_eq!(judge("new", 99), Err(Reason::NotYetValid));
        assert_eq!(judge("new", 100), Ok("alice"));
        assert_eq!(judge("stolen", 150), Err(Reason::Revoked));
        assert_eq!(judge("other", 150), Err(Reason::WrongSecret));
        let revoked = record.clone().revoked();
        assert_eq!(revoked.judge(&digest("old"), 1), Err(Reason::Revoked));
        assert_eq!(revoked.judge(&digest("no"), 1), Err(Reason::WrongSecret));
    }

    #[test]
    fn nobody_is_not_opened_by_any_digest() {
        let nobody = KeyRecord::nobody();

        for digest in [KeyDigest::NONE, digest(""), digest("x")] {
            assert_eq!(nobody.judge(&digest, 0), Err(Reason::UnknownKey));
            let known = KeyRecord::new(self::digest("own"), Principal::new("a"));
            assert!(known.judge(&digest, 0).is_err());
        }
    }

    #[test]
    fn what_is_wrong_with_secrets_is_told_at_once() {
        let alice = || Principal::new("alice");
        let never = KeySecret::new(digest("a")).not_before(9).expires(9);
        let error = KeyRecord::try_new(alice(), [never; 5]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "a key has at most 4 secrets; a secret expires before it opens"
        );
        let none = KeyRecord::try_new(alice(), []).unwrap_err().to_string();
        assert_eq!(none, "a key has at least one secret");
    }

    #[test]
    fn a_rotation_overlaps_and_ends() {
        let record = KeyRecord::new(digest("1"), Principal::new("alice"));
        let record = record
            .rotated(KeySecret::new(digest("2")), 100, 50)
            .unwrap();
        let opens = |record: &KeyRecord, secret, now| record.judge(&digest(secret), now).is_ok();

        assert!(opens(&record, "1", 99) && opens(&record, "2", 99));
        assert!(!opens(&record, "1", 100) && opens(&record, "2", 100));
        let third = record
            .rotated(KeySecret::new(digest("3")), 300, 200)
            .unwrap();
        assert!(!opens(&third, "1", 99), "it had expired and made room");
        assert!(opens(&third, "2", 299) && opens(&third, "3", 300));
    }

    #[test]
    fn a_rotation_leaves_alone_what_does_not_open_yet() {
        let secrets = [
            KeySecret::new(digest("now")),
            KeySecret::new(digest("later")).not_before(2000),
            KeySecret::new(digest("stolen")).revoked(),
        ];
        let record = KeyRecord::try_new(Principal::new("alice"), secrets).unwrap();
        let record = record.rotated(KeySecret::new(digest("new")), 1100, 1000);
        let record = record.unwrap();
        let judge = |secret, now| record.judge(&digest(secret), now).map(Principal::id);

        assert_eq!(judge("later", 1500), Err(Reason::NotYetValid));
        assert_eq!(judge("later", 2500), Ok("alice"));
        assert_eq!(judge("now", 1100), Err(Reason::Expired));
        assert_eq!(judge("stolen", 1000), Err(Reason::Revoked));
    }

    #[test]
    fn revoked_secrets_make_room_when_there_is_none() {
        let revoked = |text| KeySecret::new(digest(text)).revoked();
        let secrets = [
            revoked("1"),
            revoked("2"),
            revoked("3"),
            KeySecret::new(digest("4")),
        ];
        let record = KeyRecord::try_new(Principal::new("alice"), secrets).unwrap();
        let rotated =
            |record: &KeyRecord, text| record.rotated(KeySecret::new(digest(text)), 1100, 1000);
        let record = rotated(&record, "5").unwrap();

        let judge = |secret| record.judge(&digest(secret), 1050).map(Principal::id);
        assert_eq!((judge("4"), judge("5")), (Ok("alice"), Ok("alice")));
        assert_eq!(judge("3"), Err(Reason::Revoked), "it need not go");
        let full = rotated(&rotated(&record, "6").unwrap(), "7").unwrap();
        assert_eq!(
            rotated(&full, "8").unwrap_err().to_string(),
            "a key has at most 4 secrets"
        );
    }
}
