//! F: tokens. Each attack first shows that a right token is served.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    context::Context,
    signing::Forge,
    verdict::{Evidence, Failure},
    wire::{Answer, Request},
};

mod algorithms;
mod challenge;
mod claims;
mod embedded;
mod kids;
mod shapes;
mod table;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    algorithms::{none, public_key_as_secret, stripped, swapped},
    challenge::{challenge, two_fields},
    claims::{dates, mistyped_dates, parties},
    embedded::embedded_keys,
    kids::kids,
    shapes::{critical, duplicates, malformed},
};

/// A server that takes the profile's tokens.
pub(super) struct Bearer<'a> {
    context: &'a Context,
    forge: &'a Forge,
}

// ===== impl Bearer =====

impl<'a> Bearer<'a> {
    /// Shows that a right token is served.
    pub(super) async fn admitted(context: &'a Context) -> Result<Self, Failure> {
        let forge = context.signing.tokens.as_ref();
        let forge = forge.ok_or_else(|| Failure::not_tested("no way to make a token is given"))?;
        let bearer = Self { context, forge };
        let answer = bearer.send(&forge.right()).await?;
        if answer.is_good() {
            return Ok(bearer);
        }
        let (status, challenge) = (answer.status, answer.header("www-authenticate"));
        Err(Failure::not_tested(format!(
            "a right token does not open {}: it answers {status}, {challenge:?} ([tokens])",
            forge.tokens.route
        )))
    }

    fn request(&self) -> Request {
        Request::get(&self.forge.tokens.route)
    }

    async fn send(&self, token: &str) -> Result<Answer, Failure> {
        self.context.remember(token);
        let request = self.request();
        let request = request.header("authorization", format!("Bearer {token}"));
        self.context.send(&request).await
    }

    /// Breached unless a token is refused with 401.
    pub(super) async fn refuses(&self, what: &str, token: &str) -> Result<(), Failure> {
        self.refuses_with(&[401], what, token).await
    }

    /// Breached unless a token is refused with one of these.
    pub(super) async fn refuses_with(
        &self,
        allowed: &[u16],
        what: &str,
        token: &str,
    ) -> Result<(), Failure> {
        let answer = self.send(token).await?;
        self.judge(allowed, what, token, &answer)
    }

    fn judge(
        &self,
        allowed: &[u16],
        what: &str,
        token: &str,
        answer: &Answer,
    ) -> Result<(), Failure> {
        match answer.status {
            status if allowed.contains(&status) => Ok(()),
            429 => Err(Failure::limited()),
            _ => Err(self.breach(what, token, answer)),
        }
    }

    /// What was sent is shown decoded, and without its signature.
    fn breach(&self, what: &str, token: &str, answer: &Answer) -> Failure {
        let what = format!("{what}: it answers {}", answer.status);
        let route = &self.forge.tokens.route;
        let sent = format!("GET {route}\r\nAuthorization: Bearer {}", shown(token));
        let evidence = Evidence::new(what).sent(sent).received(answer.dump());
        evidence.into()
    }
}

/// A token for people: header and claims decoded, and the length of whatever else there is.
fn shown(token: &str) -> String {
    let part = |(at, part): (usize, &str)| {
        let text = URL_SAFE_NO_PAD.decode(part).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        match text.filter(|text| at < 2 && text.starts_with(['{', '[', '"'])) {
            Some(text) => text,
            None => format!("({} characters)", part.len()),
        }
    };
    let parts: Vec<_> = token.split('.').enumerate().map(part).collect();
    parts.join(".")
}
