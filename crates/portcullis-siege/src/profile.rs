//! What is known of the server.
//!
//! Everything is optional: what is not given is looked for, and what is not found is not tested.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use serde::Deserialize;

use crate::{ProfileError, catalogue::CATALOGUE};

mod draft;
mod limits;
mod signing;

pub(crate) use self::{
    draft::{Shown, draft},
    limits::Expected,
};
pub use self::{
    limits::Limits,
    signing::{Signatures, Tokens},
};

/// What is known of the server. Read from TOML with [`Profile::parse`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Profile {
    /// The server's address, if the command line does not give it.
    pub url: Option<String>,
    /// Keys of clients.
    pub keys: Keys,
    /// Paths that the server has.
    pub routes: Routes,
    /// What it promises.
    pub limits: Limits,
    /// What it tells browsers.
    pub cors: Cors,
    /// The host names it serves. Without them any name may be served.
    pub hosts: Vec<String>,
    /// When it locks clients out.
    pub lockout: Lockout,
    /// How to make tokens that it takes.
    pub tokens: Option<Tokens>,
    /// How to sign requests so that it takes them.
    pub signatures: Option<Signatures>,
    /// The proxies it trusts.
    pub proxy: Proxy,
    /// Where it writes.
    pub sinks: Sinks,
    /// How to start one of our own.
    pub launch: Launch,
    /// Requests that break something behind the server, and mend it.
    pub switches: Switches,
    /// Breaches that are accepted: the attack's id, and the reason. They fail nothing, and are in every
    /// report.
    pub accept: BTreeMap<String, String>,
}

/// Keys of clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Keys {
    /// The header that carries the key.
    pub header: String,
    /// A key that opens `routes.protected`. `env:NAME` reads a variable.
    pub valid: Option<String>,
    /// A key that was revoked: 401.
    pub revoked: Option<String>,
    /// A key that has expired: 401.
    pub expired: Option<String>,
    /// A valid key that may not use `routes.protected`: 403.
    pub unscoped: Option<String>,
    /// The valid key of another client: it must not read `routes.own`.
    pub other: Option<String>,
}

/// Paths, with their query. Each is requested with GET, `body` with POST.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Routes {
    /// Public, cheap, not limited: what the control client requests.
    pub control: Option<String>,
    /// Needs a key.
    pub protected: Option<String>,
    /// Has a rate limit for each client.
    pub limited: Option<String>,
    /// Takes a body, reads it whole, answers with it.
    pub body: Option<String>,
    /// Takes `{ms}` milliseconds.
    pub slow: Option<String>,
    /// Panics.
    pub panic: Option<String>,
    /// Panics in the middle of its body.
    pub panic_body: Option<String>,
    /// Answers with 8 MiB or more.
    pub large: Option<String>,
    /// An HTML page with a nonce.
    pub page: Option<String>,
    /// Prometheus text.
    pub metrics: Option<String>,
    /// A WebSocket that needs a key.
    pub websocket: Option<String>,
    /// Liveness.
    pub health: Option<String>,
    /// Readiness.
    pub ready: Option<String>,
    /// Belongs to the client of `keys.valid`: no other client may read it.
    pub own: Option<String>,
    /// Needs a role that the client of `keys.valid` does not have.
    pub admin: Option<String>,
}

/// What the server tells browsers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Cors {
    /// The origins that may read answers, such as `https://good.com`.
    pub origins: Vec<String>,
    /// Whether it promises to refuse unsafe requests that other sites make browsers send.
    pub refuses_cross_site: bool,
}

/// When the server locks clients out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Lockout {
    /// After so many wrong keys the address that they come from gets 429, for a right key too. A right
    /// key among them forgets none.
    pub after: Option<u32>,
}

/// The proxies the server trusts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Proxy {
    /// A loopback address that the server trusts as a proxy with `X-Forwarded-For`.
    pub trusted: Option<IpAddr>,
    /// Addresses of real proxies in front of the server, by name.
    pub fronts: BTreeMap<String, String>,
}

/// Where the server writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sinks {
    /// Its log: one line each event.
    pub log: Option<PathBuf>,
    /// Its audit log.
    pub audit: Option<PathBuf>,
    /// The command that verifies an audit log; `{file}` is its path.
    pub verify: Vec<String>,
}

/// How to start a server of our own. `{port}` is a free port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
}

/// Requests, as `METHOD /path`, that break something behind the server, and mend it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// The key store fails.
    pub key_store_down: Option<String>,
    /// The key store works again.
    pub key_store_up: Option<String>,
    /// A dependency fails.
    pub dependency_down: Option<String>,
    /// The dependency hangs.
    pub dependency_hang: Option<String>,
    /// The dependency works again.
    pub dependency_up: Option<String>,
    /// Answers with how often the dependency was checked: a number.
    pub dependency_checks: Option<String>,
}

// ===== impl Profile =====

impl Profile {
    /// Reads TOML. What is not given takes its default.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a profile, if the path of the slow route has no `{ms}`, or if tokens or
    /// signatures could not be made as it says.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..start].matches('\n').count() + 1;
            ProfileError::Toml(line, error.message().replace('\n', " "))
        })?;
        profile.routes.check()?;
        if profile.lockout.after == Some(0) {
            return Err(ProfileError::Wrong("lockout.after is 1 or more".to_owned()));
        }
        let tokens = profile.tokens.iter().flat_map(Tokens::problems);
        let signatures = profile.signatures.iter().flat_map(Signatures::problems);
        let accepted = profile.accept.iter().filter_map(accept_problem);
        let problems: Vec<_> = tokens.chain(signatures).chain(accepted).collect();
        if problems.is_empty() {
            Ok(profile)
        } else {
            Err(ProfileError::Wrong(problems.join("; ")))
        }
    }
}

// ===== impl Routes =====

impl Routes {
    /// Sets the path of a route, by its name in a profile.
    ///
    /// # Errors
    ///
    /// Fails if no route has that name, or the path of the slow route has no `{ms}`.
    pub fn set(&mut self, name: &str, path: &str) -> Result<(), ProfileError> {
        let route = match name {
            "control" => &mut self.control,
            "protected" => &mut self.protected,
            "limited" => &mut self.limited,
            "body" => &mut self.body,
            "slow" => &mut self.slow,
            "panic" => &mut self.panic,
            "panic_body" => &mut self.panic_body,
            "large" => &mut self.large,
            "page" => &mut self.page,
            "metrics" => &mut self.metrics,
            "websocket" => &mut self.websocket,
            "health" => &mut self.health,
            "ready" => &mut self.ready,
            "own" => &mut self.own,
            "admin" => &mut self.admin,
            _ => return Err(ProfileError::UnknownRoute(name.to_owned())),
        };
        *route = Some(path.to_owned());
        self.check()
    }

    fn check(&self) -> Result<(), ProfileError> {
        match &self.slow {
            Some(path) if !path.contains("{ms}") => Err(ProfileError::NoMilliseconds(path.clone())),
            _ => Ok(()),
        }
    }
}

// ===== impl Keys =====

impl Keys {
    /// Returns the keys, with what stands in variables.
    pub(crate) fn resolve(&self) -> Result<Self, ProfileError> {
        Ok(Self {
            header: self.header.to_ascii_lowercase(),
            valid: value(&self.valid)?,
            revoked: value(&self.revoked)?,
            expired: value(&self.expired)?,
            unscoped: value(&self.unscoped)?,
            other: value(&self.other)?,
        })
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            header: "x-api-key".to_owned(),
            valid: None,
            revoked: None,
            expired: None,
            unscoped: None,
            other: None,
        }
    }
}

/// What is wrong with a breach that is accepted.
fn accept_problem((id, reason): (&String, &String)) -> Option<String> {
    if !CATALOGUE.iter().any(|attack| attack.id == id) {
        return Some(format!(
            "accept.{id}: no such attack; see `portcullis siege --list`"
        ));
    }
    let is_empty = reason.trim().is_empty();
    is_empty.then(|| format!("accept.{id}: a reason is needed"))
}

/// Returns the text, or what the variable after `env:` holds.
pub(crate) fn value(text: &Option<String>) -> Result<Option<String>, ProfileError> {
    let Some(name) = text.as_deref().and_then(|text| text.strip_prefix("env:")) else {
        return Ok(text.clone());
    };
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(ProfileError::Variable(name.to_owned(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_takes_its_default() {
        let profile = Profile::parse("[keys]\nvalid = \"k\"\n[limits]\nburst = 3").unwrap();

        assert_eq!(profile.keys.valid.as_deref(), Some("k"));
        assert_eq!(profile.keys.header, "x-api-key");
        assert_eq!(profile.limits.burst, Some(3));
        assert_eq!(profile.limits.header_seconds, None);
        let usual = profile.limits.header_seconds();
        assert_eq!((usual.value, usual.is_promised), (10, false));
    }

    #[test]
    fn a_mistake_is_one_line_with_its_place() {
        for (text, place) in [
            ("url = 1", "line 1"),
            ("\n[routes]\nbdoy = \"/\"", "line 3"),
            ("[", "line 1"),
            ("routes.slow = '/slow'", "routes.slow"),
            ("accept.Z99 = 'so it is'", "accept.Z99: no such attack"),
            ("accept.A19 = ' '", "accept.A19: a reason"),
        ] {
            let problem = Profile::parse(text).unwrap_err().to_string();
            assert!(
                problem.starts_with(place) && !problem.contains('\n'),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let keys = Keys {
            valid: Some("env:NO_SUCH_VARIABLE_HERE".to_owned()),
            ..Keys::default()
        };

        assert!(
            keys.resolve()
                .unwrap_err()
                .to_string()
                .contains("NO_SUCH_VARIABLE_HERE")
        );
    }
}
