//! Judging claims whose signature is right (RFC 7519, section 4.1).

use std::{borrow::Cow, time::Duration};

use portcullis_core::{AuthScheme, Principal, Reason, Scopes};

use super::{date, json::Object, refusal::Refusal, rules::Rules, text};

/// The claims of a token, with what they are judged by.
pub(super) struct Claims<'a> {
    claims: Object<'a>,
    rules: &'a Rules,
}

// ===== impl Claims =====

impl<'a> Claims<'a> {
    pub(super) fn parse(bytes: &'a [u8], rules: &'a Rules) -> Result<Self, Reason> {
        let claims = Object::parse(bytes).map_err(|_| Reason::Malformed)?;
        Ok(Self { claims, rules })
    }

    /// Returns who sent the token, if everything is right.
    pub(super) fn judge(&self) -> Result<Principal, Refusal> {
        let subject = self.text("sub")?.ok_or(Reason::Incomplete)?;
        if !text::is_name(&subject) {
            return Err(Reason::Malformed.into());
        }
        let judged = self.check().and_then(|()| self.principal(&subject));
        judged.map_err(|reason| Refusal::from(reason).of(&subject))
    }

    fn check(&self) -> Result<(), Reason> {
        let issuer = self.text("iss")?.ok_or(Reason::Incomplete)?;
        if *issuer != *self.rules.issuer {
            return Err(Reason::WrongIssuer);
        }
        let audiences = self.texts("aud")?.ok_or(Reason::Incomplete)?;
        let is_own = |found: &Cow<'_, str>| self.rules.audiences.iter().any(|own| **own == **found);
        if !audiences.iter().any(is_own) {
            return Err(Reason::WrongAudience);
        }
        self.check_dates(self.rules.clock.since_epoch())
    }

    /// A clock that is behind or ahead by the leeway is right.
    fn check_dates(&self, now: Duration) -> Result<(), Reason> {
        let leeway = self.rules.leeway;
        let expires = self.date("exp")?.ok_or(Reason::Incomplete)?;
        let begins = self.date("nbf")?;
        let issued = self.date("iat")?;
        if now >= expires + leeway {
            return Err(Reason::Expired);
        }
        let is_ahead = |date: Option<Duration>| date.is_some_and(|date| date > now + leeway);
        if is_ahead(begins) || is_ahead(issued) {
            return Err(Reason::NotYetValid);
        }
        match self.rules.max_age {
            None => Ok(()),
            Some(max_age) => {
                let age = now.saturating_sub(issued.ok_or(Reason::Incomplete)?);
                let is_young = age < max_age.saturating_add(leeway);
                is_young.then_some(()).ok_or(Reason::Expired)
            }
        }
    }

    /// Not with the `kid`, which is the issuer's and the same for many.
    fn principal(&self, subject: &str) -> Result<Principal, Reason> {
        let names = self.rules.scopes.iter();
        let mut principal = Principal::new(subject)
            .with_scheme(AuthScheme::Token)
            .with_scopes(self.tokens(names)?)
            .with_roles(self.tokens(self.rules.roles.iter())?);
        if let Some(name) = &self.rules.tenant
            && let Some(tenant) = self.text(name)?
        {
            if !text::is_name(&tenant) {
                return Err(Reason::Malformed);
            }
            principal = principal.with_tenant(&*tenant);
        }
        for name in &self.rules.labels {
            if let Some(value) = self.label(name)? {
                principal = principal.with_label(&**name, &*value);
            }
        }
        Ok(principal)
    }

    /// Reads sets of scope tokens: text with spaces, or arrays with one in each string. A string of an
    /// array that can't be one is left out whole: no part of it is granted.
    fn tokens<'n>(&self, names: impl Iterator<Item = &'n Box<str>>) -> Result<Scopes, Reason> {
        let (mut texts, mut listed) = (Vec::new(), Vec::new());
        for name in names {
            let found = self.texts(name)?.unwrap_or_default();
            if self.is_text(name) {
                texts.extend(found);
            } else {
                listed.extend(found);
            }
        }
        let words = texts.iter().flat_map(|text| text.split(' '));
        let words = words.filter(|word| !word.is_empty());
        let listed = listed.iter().map(|one| &**one);
        let listed = listed.filter(|one| Scopes::try_new([one]).is_ok());
        Scopes::try_new(words.chain(listed)).map_err(|_| Reason::Malformed)
    }

    fn is_text(&self, name: &str) -> bool {
        let raw = self.claims.raw(name);
        raw.is_some_and(|raw| raw.starts_with('"'))
    }

    /// Reads text, a number or a truth value.
    fn label(&self, name: &str) -> Result<Option<Cow<'a, str>>, Reason> {
        let Some(raw) = self.claims.raw(name) else {
            return Ok(None);
        };
        let value = match raw.as_bytes().first() {
            Some(b'"') => self.text(name)?.unwrap_or_default(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => Cow::Borrowed(raw),
            _ => return Err(Reason::Malformed),
        };
        let is_plain = text::is_plain(&value) || value.is_empty();
        is_plain.then_some(Some(value)).ok_or(Reason::Malformed)
    }

    fn date(&self, name: &str) -> Result<Option<Duration>, Reason> {
        let raw = self.claims.raw(name);
        raw.map(|raw| date::parse(raw).ok_or(Reason::Malformed))
            .transpose()
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Reason> {
        self.claims.text(name).map_err(|_| Reason::Malformed)
    }

    fn texts(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, Reason> {
        self.claims.texts(name).map_err(|_| Reason::Malformed)
    }
}
