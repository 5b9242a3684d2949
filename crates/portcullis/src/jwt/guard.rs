use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request};
#[cfg(feature = "jwks")]
use portcullis_core::Count;
use portcullis_core::{ConfigError, Facts, Guard, Principal, Reason, Reply, Verdict};

use super::{
    JwtBuilder, JwtKey, JwtKeys,
    claims::Claims,
    keys::Found,
    refusal::{Challenges, Refusal},
    rules::Rules,
    token::Token,
};
use crate::credentials::{self, Found as InHead};

/// Admits requests that carry a token of one issuer. See the [module docs](super).
///
/// Clones share it.
#[derive(Clone)]
pub struct Jwt(Arc<Inner>);

pub(super) struct Inner {
    pub(super) rules: Rules,
    pub(super) keys: JwtKeys,
    pub(super) challenges: Challenges,
}

// ===== impl Jwt =====

impl Jwt {
    /// Creates a guard that takes tokens of `issuer` for one of `audiences`, signed with one of `keys`.
    ///
    /// # Errors
    ///
    /// Returns an error when the issuer or an audience is empty, or there is no audience.
    pub fn new(
        issuer: &str,
        audiences: impl IntoIterator<Item = impl AsRef<str>>,
        keys: impl Into<JwtKeys>,
    ) -> Result<Self, ConfigError> {
        Self::builder(issuer, audiences, keys).build()
    }

    /// Returns a builder, for what has a default.
    pub fn builder(
        issuer: &str,
        audiences: impl IntoIterator<Item = impl AsRef<str>>,
        keys: impl Into<JwtKeys>,
    ) -> JwtBuilder {
        let audiences = audiences.into_iter().map(|one| one.as_ref().into());
        JwtBuilder::new(issuer.into(), audiences.collect(), keys.into())
    }

    pub(super) fn from_parts(rules: Rules, keys: JwtKeys, challenges: Challenges) -> Self {
        Self(Arc::new(Inner {
            rules,
            keys,
            challenges,
        }))
    }

    /// Returns who a token is of, by the keys that are there: for one that came another way, such as in
    /// the first message of a WebSocket.
    ///
    /// # Errors
    ///
    /// Returns why the token is not taken, which is nothing for the client to know.
    pub fn principal(&self, token: impl AsRef<[u8]>) -> Result<Principal, Reason> {
        let token = Token::parse(token.as_ref(), &self.0.rules)?;
        let key = self.0.keys.find_now(&token.wanted)?;
        let judged = self.judge(&token, &key);
        judged.map_err(|refusal| refusal.reason)
    }

    /// Judges a request, and may want to wait for a key.
    fn judge_head(&self, head: &mut request::Parts) -> Result<Verdict, Refusal> {
        let token = find(&head.headers)?;
        let token = Token::parse(token, &self.0.rules)?;
        let found = match self.0.keys.find(&token.wanted) {
            Found::Key(key) => Ok(key),
            Found::Nothing(reason) => Err(reason),
            #[cfg(feature = "jwks")]
            Found::Wait(waiting) => {
                let guard = self.clone();
                return Ok(Verdict::defer(waiting, move |(), head, _| {
                    guard.judge_head_now(head)
                }));
            }
        };
        self.finish(&token, found)
            .map(|principal| admit(head, principal))
    }

    /// Judges a request by the keys that are there.
    #[cfg(feature = "jwks")]
    fn judge_head_now(&self, head: &mut request::Parts) -> Verdict {
        let judged = find(&head.headers)
            .map_err(Refusal::from)
            .and_then(|token| {
                let token = Token::parse(token, &self.0.rules)?;
                self.finish(&token, self.0.keys.find_now(&token.wanted))
            });
        match judged {
            Ok(principal) => admit(head, principal),
            Err(refusal) => self.0.challenges.reject(&refusal).into(),
        }
    }

    fn finish(&self, token: &Token<'_>, key: Result<JwtKey, Reason>) -> Result<Principal, Refusal> {
        let judged = key
            .map_err(Refusal::from)
            .and_then(|key| self.judge(token, &key));
        let id = token.wanted.key.as_deref();
        judged.map_err(|refusal| match id {
            Some(id) => refusal.of(id),
            None => refusal,
        })
    }

    fn judge(&self, token: &Token<'_>, key: &JwtKey) -> Result<Principal, Refusal> {
        if !key.verify(token.signed, &token.signature) {
            return Err(Reason::BadSignature.into());
        }
        let claims = token.claims()?;
        Claims::parse(&claims, &self.0.rules)?.judge()
    }
}

impl Guard for Jwt {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.skip(head);
        match self.judge_head(head) {
            Ok(verdict) => verdict,
            Err(refusal) => self.0.challenges.reject(&refusal).into(),
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers, &[AUTHORIZATION]);
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![self.0.challenges.plain()]
    }

    fn describe(&self) -> String {
        let Inner { rules, keys, .. } = &*self.0;
        let audiences = rules.audiences.join(" or ");
        format!("tokens of {} for {audiences}; {keys}", rules.issuer)
    }

    #[cfg(feature = "jwks")]
    fn counts(&self) -> Vec<Count> {
        self.0.keys.counts(&self.0.rules.issuer)
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("rules", &self.0.rules)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}

/// Returns the token of a request. A bearer token without a dot is none, but may be a key of somebody else.
fn find(headers: &HeaderMap) -> Result<&[u8], Reason> {
    match credentials::bearer(headers) {
        InHead::One(token) if token.contains(&b'.') => Ok(token),
        InHead::Nothing | InHead::One(_) => Err(Reason::NoCredentials),
        InHead::Several => Err(Reason::SeveralCredentials),
    }
}

fn admit(head: &mut request::Parts, principal: Principal) -> Verdict {
    Facts::of_mut(&mut head.extensions).set(principal);
    Verdict::Admit
}
