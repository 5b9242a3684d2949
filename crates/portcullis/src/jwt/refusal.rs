use http::{HeaderValue, header::WWW_AUTHENTICATE};
use portcullis_core::{AuthScheme, Cause, Reason, Rejection, RejectionKind};

/// Why a token is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// The key's id, or of a token with a right signature its `sub`.
    subject: Option<Box<str>>,
}

/// The challenges of one realm (RFC 6750, section 3).
#[derive(Debug)]
pub(super) struct Challenges {
    plain: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

// ===== impl Refusal =====

impl Refusal {
    pub(super) fn of(mut self, subject: &str) -> Self {
        self.subject.get_or_insert_with(|| subject.into());
        self
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            subject: None,
        }
    }
}

// ===== impl Challenges =====

impl Challenges {
    /// Nothing, if the realm is not text that stands in quotes as it is.
    pub(super) fn new(realm: &str) -> Option<Self> {
        let is_plain = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if realm.is_empty() || !realm.bytes().all(is_plain) {
            return None;
        }
        let challenge = |error: &str| {
            let text = format!("Bearer realm=\"{realm}\"{error}");
            HeaderValue::try_from(text).ok()
        };
        Some(Self {
            plain: challenge("")?,
            invalid_request: challenge(", error=\"invalid_request\"")?,
            invalid_token: challenge(", error=\"invalid_token\"")?,
        })
    }

    /// Returns the challenge to a request without credentials.
    pub(super) fn plain(&self) -> HeaderValue {
        self.plain.clone()
    }

    /// Returns the rejection, which does not tell what was wrong with a token.
    pub(super) fn reject(&self, refusal: &Refusal) -> Rejection {
        let (kind, challenge) = match refusal.reason {
            Reason::NoCredentials => (RejectionKind::Unauthenticated, Some(&self.plain)),
            Reason::SeveralCredentials => (RejectionKind::Malformed, Some(&self.invalid_request)),
            Reason::Unavailable => (RejectionKind::Unavailable, None),
            _ => (RejectionKind::Unauthenticated, Some(&self.invalid_token)),
        };
        let mut cause = Cause::new(AuthScheme::Token, refusal.reason);
        if let Some(subject) = &refusal.subject {
            cause = cause.with_subject(subject);
        }
        let rejection = Rejection::new(kind).with_layer("jwt").with_cause(cause);
        match challenge {
            Some(challenge) => rejection.with_header(WWW_AUTHENTICATE, challenge.clone()),
            None => rejection,
        }
    }
}
