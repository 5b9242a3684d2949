use std::{fmt, sync::Arc};

use http::{HeaderName, HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, Cause, ConfigError, Facts, Guard, Principal, Reason, Rejection, RejectionKind,
    Reply, Verdict,
};

use super::{
    Algorithm, SignatureKey, SignatureKeyStore, SignaturePolicy,
    digest::Digests,
    fields::{SIGNATURE, SIGNATURE_INPUT, Signed},
    message::Message,
    policy::Rules,
    replays,
};
use crate::credentials;

/// Admits requests with a signature of a known key. See the [module docs](super).
#[derive(Clone)]
pub struct SignatureGuard(Arc<Inner>);

struct Inner {
    keys: Box<dyn SignatureKeyStore>,
    rules: Rules,
    accepted: HeaderValue,
}

/// Why a request is refused, and of which key it says it is.
struct Refused(Reason, Option<String>);

// ===== impl SignatureGuard =====

impl SignatureGuard {
    /// Creates a guard that finds keys in a store.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the policy.
    pub fn try_new(
        keys: impl SignatureKeyStore,
        policy: SignaturePolicy,
    ) -> Result<Self, ConfigError> {
        let rules = policy.check()?;
        let accepted = HeaderValue::try_from(rules.accept_signature());
        let accepted = accepted.map_err(|_| ConfigError::new("signatures: not a field's value"))?;
        Ok(Self(Arc::new(Inner {
            keys: Box::new(keys),
            rules,
            accepted,
        })))
    }
}

impl Guard for SignatureGuard {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        // Read once: what is good then is remembered then.
        let now = self.0.rules.policy.clock.unix();
        match self.0.judge(head, reply, now) {
            Ok((signed, key)) => {
                credentials::hide(&mut head.headers, &SECRETS);
                self.use_once(&signed, key.principal(), head, now)
            }
            Err(refused) => self.0.reject(&refused).into(),
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers, &SECRETS);
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![CHALLENGE]
    }

    fn describe(&self) -> String {
        self.0.rules.to_string()
    }
}

impl SignatureGuard {
    /// Notes that the nonce is used, and admits who used it first.
    fn use_once(
        &self,
        signed: &Signed,
        principal: &Principal,
        head: &mut request::Parts,
        now: u64,
    ) -> Verdict {
        let policy = &self.0.rules.policy;
        let (Some(store), Some(nonce)) = (&policy.replays, &signed.params.nonce) else {
            set(principal.clone(), head);
            return Verdict::Admit;
        };
        let key = signed.params.keyid.as_deref().unwrap_or_default();
        let until = signed.params.created.unwrap_or_default();
        let until = self.0.rules.good_until(until);
        let note = replays::note("signature", key, nonce, now, until);
        let (all, principal) = (Arc::clone(&self.0), principal.clone());
        let replayed = Refused(Reason::Replayed, Some(key.to_owned()));
        let judge =
            move |is_first: Result<bool, Rejection>, head: &mut request::Parts| match is_first {
                Ok(true) => {
                    set(principal, head);
                    Verdict::Admit
                }
                Ok(false) => all.reject(&replayed).into(),
                Err(rejection) => rejection.into(),
            };
        match replays::asked(store.note(&note), AuthScheme::Signature) {
            Ok(is_first) => judge(is_first, head),
            Err(waiting) => Verdict::defer(waiting, move |is_first, head, _| judge(is_first, head)),
        }
    }
}

impl fmt::Debug for SignatureGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureGuard")
            .field("policy", &self.0.rules.policy)
            .finish_non_exhaustive()
    }
}

// ===== impl Inner =====

impl Inner {
    /// Finds the signature, and verifies it. What its digest is of is checked with the body.
    fn judge(
        &self,
        head: &request::Parts,
        reply: &mut Reply,
        now: u64,
    ) -> Result<(Signed, SignatureKey), Refused> {
        let signed = Signed::find(&head.headers, self.rules.tag());
        let signed = signed.map_err(|reason| Refused(reason, None))?;
        let id = signed.params.keyid.clone();
        let key = self
            .verify(&signed, head, reply, now)
            .map_err(|reason| Refused(reason, id.clone()))?;
        if signed
            .components
            .iter()
            .any(|component| component.is_content_digest())
        {
            let refused = |reason| self.reject(&Refused(reason, id.clone()));
            let digests =
                Digests::of(&head.headers).map_err(|reason| Refused(reason, id.clone()))?;
            reply.check_body(digests.check(refused(Reason::DigestMismatch)));
        }
        Ok((signed, key))
    }

    fn verify(
        &self,
        signed: &Signed,
        head: &request::Parts,
        reply: &Reply,
        now: u64,
    ) -> Result<SignatureKey, Reason> {
        let has_body = reply.body_size().upper() != Some(0);
        self.rules.judge(signed, has_body, now)?;
        let id = signed.params.keyid.as_deref().ok_or(Reason::Incomplete)?;
        let message = Message::incoming(head, self.rules.policy.default_scheme);
        let base = message.base(&signed.components, &signed.input)?;
        let Some(key) = self.keys.find(id) else {
            // An unknown key costs the same work as an unknown secret.
            Algorithm::HmacSha256.verifies(&[0; 32], base.as_bytes(), &signed.signature);
            return Err(Reason::UnknownKey);
        };
        let key = key.named(id);
        let alg = signed.params.alg.as_deref();
        if alg.is_some_and(|alg| alg != key.algorithm().name()) {
            return Err(Reason::NotAllowed);
        }
        if !key.verifies(base.as_bytes(), &signed.signature) {
            return Err(Reason::BadSignature);
        }
        if key.is_good_at(now) {
            Ok(key)
        } else {
            Err(Reason::Expired)
        }
    }

    /// The same for every reason.
    fn reject(&self, Refused(reason, id): &Refused) -> Rejection {
        let cause = Cause::new(AuthScheme::Signature, *reason);
        let cause = match id {
            Some(id) => cause.with_subject(id),
            None => cause,
        };
        Rejection::new(RejectionKind::Unauthenticated)
            .with_layer("signature")
            .with_header(WWW_AUTHENTICATE, CHALLENGE)
            .with_header(ACCEPT_SIGNATURE, self.accepted.clone())
            .with_cause(cause)
    }
}

fn set(principal: Principal, head: &mut request::Parts) {
    Facts::of_mut(&mut head.extensions).set(principal);
}

const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");

/// A 401 has a challenge (RFC 9110, section 15.5.2), and RFC 9421 registers no scheme for one.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Signature realm=\"api\"");

/// What can be used again as long as it is good.
const SECRETS: [HeaderName; 2] = [SIGNATURE, SIGNATURE_INPUT];
