use std::fmt;

use crate::AuthScheme;

/// What a [`Rejection`](super::Rejection) of credentials came of: for whoever runs the server, never for
/// the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    reason: Reason,
    scheme: AuthScheme,
    subject: Option<Box<str>>,
}

/// Why credentials, or a request that needs them, were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Reason {
    /// The request has no credentials of this scheme.
    NoCredentials,
    /// The request has more than one.
    SeveralCredentials,
    /// They can't be read.
    Malformed,
    /// Nobody knows the key's id.
    UnknownKey,
    /// The key is known, and the secret is another.
    WrongSecret,
    /// They are not valid yet.
    NotYetValid,
    /// They are valid no more.
    Expired,
    /// They were revoked.
    Revoked,
    /// The signature is wrong.
    BadSignature,
    /// They are of somebody whom nobody trusts.
    WrongIssuer,
    /// They are for somebody else.
    WrongAudience,
    /// They are of a type, or have a parameter, that is not allowed.
    NotAllowed,
    /// Something that must be there, or must be signed, is not.
    Incomplete,
    /// The signature was used before.
    Replayed,
    /// The body is not the one that was signed.
    DigestMismatch,
    /// There were too many failures.
    LockedOut,
    /// The caller is known, and may not do this.
    InsufficientScope,
    /// A browser sent the request for another site.
    CrossSite,
    /// The origin is not one that may ask.
    OriginNotAllowed,
    /// Who knows could not be reached.
    Unavailable,
}

// ===== impl Cause =====

impl Cause {
    /// Creates a cause.
    #[must_use]
    pub const fn new(scheme: AuthScheme, reason: Reason) -> Self {
        Self {
            reason,
            scheme,
            subject: None,
        }
    }

    /// Sets whose credentials they were, as far as they tell: a key's id. Chosen by the client, and safe to
    /// log: cut after 128 bytes.
    #[must_use]
    pub fn with_subject(mut self, subject: &str) -> Self {
        let mut ends = (0..=subject.len().min(LONGEST_SUBJECT)).rev();
        let end = ends.find(|end| subject.is_char_boundary(*end));
        let end = end.unwrap_or_default();
        self.subject = Some(subject[..end].into());
        self
    }

    /// Returns why they were refused.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> AuthScheme {
        self.scheme
    }

    /// Returns whose credentials they were, as far as they tell. Not verified.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

// ===== impl Reason =====

impl Reason {
    /// Returns a short, stable name: `wrong_secret`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::SeveralCredentials => "several_credentials",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::WrongSecret => "wrong_secret",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::NotAllowed => "not_allowed",
            Self::Incomplete => "incomplete",
            Self::Replayed => "replayed",
            Self::DigestMismatch => "digest_mismatch",
            Self::LockedOut => "locked_out",
            Self::InsufficientScope => "insufficient_scope",
            Self::CrossSite => "cross_site",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::Unavailable => "unavailable",
        }
    }

    /// Returns `true` for what a guesser meets, so that it counts as a failed attempt: not for a request
    /// without credentials or with several, which nobody looked at, and not for credentials that were right
    /// once.
    #[must_use]
    pub const fn is_guess(self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::UnknownKey
                | Self::WrongSecret
                | Self::BadSignature
                | Self::WrongIssuer
                | Self::WrongAudience
                | Self::NotAllowed
                | Self::Incomplete
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const LONGEST_SUBJECT: usize = 128;
