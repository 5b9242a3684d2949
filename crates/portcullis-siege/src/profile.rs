//! What is known of the server.
//!
//! Everything is optional: what is not given is looked for, and what is not found is not tested.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use serde::Deserialize;

use crate::Error;

mod draft;
mod keys;
mod limits;
mod problems;
mod routes;
mod signing;

pub(crate) use self::{
    draft::{Shown, draft},
    keys::value,
    limits::Expected,
};
pub use self::{
    keys::Keys,
    limits::Limits,
    routes::Routes,
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
    /// Addresses of real proxies in front of the server, by name: `{ nginx = "http://127.0.0.1:8081" }`.
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
    /// Fails if the text is not a profile, if a value can't be (a path without `/`, a limit of 0), or if
    /// tokens or signatures could not be made as it says. The error has everything that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let profile: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..start].matches('\n').count() + 1;
            let message = error.message().replace('\n', " ");
            Error::profile(format!("line {line}: {message}"))
        })?;
        let problems = problems::problems(&profile);
        if problems.is_empty() {
            Ok(profile)
        } else {
            Err(Error::profile(problems.join("; ")))
        }
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
    fn a_part_of_a_second_is_rounded_up() {
        let profile = Profile::parse("[limits]\nheader_seconds = 0.3\nidle_seconds = 5").unwrap();

        assert_eq!(profile.limits.header_seconds, Some(1));
        assert_eq!(profile.limits.idle_seconds, Some(5));
    }

    #[test]
    fn a_mistake_is_one_line_with_its_place() {
        for (text, place) in [
            ("url = 1", "line 1"),
            ("\n[routes]\nbdoy = \"/\"", "line 3"),
            ("[", "line 1"),
            ("routes.slow = '/slow'", "routes.slow"),
            ("limits.header_seconds = -1", "line 1"),
            ("limits.body_seconds = 'soon'", "line 1"),
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
}
