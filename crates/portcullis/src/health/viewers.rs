//! Who sees more than a status.

use std::{fmt, sync::Arc};

use http::{HeaderValue, header::AUTHORIZATION, request};
use ipnet::IpNet;
use portcullis_core::{ClientIp, Facts, Secret};
use subtle::ConstantTimeEq;

use crate::networks::Networks;

/// What of the checks a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// Only whether all is well.
    Status,
    /// The names and states of checks, too.
    Names,
    /// Why they fail, too.
    Reasons,
}

/// Who sees what.
#[derive(Clone, Default)]
pub(super) struct Viewers {
    pub(super) everybody_sees_names: bool,
    networks: Networks,
    token: Option<Secret>,
    rule: Option<Rule>,
}

type Rule = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

// ===== impl Viewers =====

impl Viewers {
    /// Adds networks. Returns what is wrong with them.
    pub(super) fn add_networks(
        &mut self,
        networks: impl IntoIterator<Item = IpNet>,
    ) -> Option<&'static str> {
        self.networks = self.networks.iter().copied().chain(networks).collect();
        let is_open = self.networks.has_everybody();
        is_open.then_some("health: details for the network of everybody")
    }

    pub(super) fn set_token(&mut self, token: Secret) {
        self.token = Some(token);
    }

    pub(super) fn set_rule(
        &mut self,
        rule: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) {
        self.rule = Some(Arc::new(rule));
    }

    /// Returns the fields that an answer depends on.
    pub(super) const fn vary(&self) -> HeaderValue {
        HeaderValue::from_static(if self.token.is_some() {
            "accept, authorization"
        } else {
            "accept"
        })
    }

    pub(super) fn sight(&self, head: &request::Parts) -> Sight {
        if self.is_known(head) {
            Sight::Reasons
        } else if self.everybody_sees_names {
            Sight::Names
        } else {
            Sight::Status
        }
    }

    fn is_known(&self, head: &request::Parts) -> bool {
        let client = Facts::of(&head.extensions).get::<ClientIp>();
        client.is_some_and(|client| self.networks.contains(client.0))
            || self.token.as_ref().is_some_and(|token| has(head, token))
            || self.rule.as_ref().is_some_and(|rule| rule(head))
    }
}

impl fmt::Debug for Viewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewers").finish_non_exhaustive()
    }
}

/// Returns `true` if the only `Authorization` is `Bearer` and the token (RFC 6750, section 2.1). Takes as
/// long for each token of one length.
fn has(head: &request::Parts, token: &Secret) -> bool {
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Some((scheme, given)) = value.as_bytes().split_at_checked(BEARER.len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(BEARER) && bool::from(given.ct_eq(token.expose()))
}

const BEARER: &[u8] = b"Bearer ";
