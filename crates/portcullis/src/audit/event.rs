use std::{fmt, net::IpAddr};

use portcullis_core::AuthScheme;

use crate::json_line::Json;

/// What is known of one decision. Every text is one that the server knows or has checked: never a
/// field's value, a path or a query.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When: RFC 3339, in UTC, with milliseconds.
    pub time: String,
    /// Which event of this process it is, from 1 on. One that is missing was dropped.
    pub seq: u64,
    /// What was decided.
    pub decision: Decision,
    /// Why: the name of a [`Reason`](crate::Reason), or `reloaded`, `reload_failed`, `revoked`. None for
    /// what is allowed.
    pub reason: Option<&'static str>,
    /// The request's ID.
    pub request_id: Option<String>,
    /// The ID of the trace that the request belongs to: 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// The client's address, or else the peer's.
    pub client: Option<IpAddr>,
    /// By which scheme the caller came in, or tried to.
    pub scheme: Option<AuthScheme>,
    /// Who the caller is, if that is known; of a change, who made it.
    pub principal: Option<String>,
    /// With which of its keys the caller came.
    pub key_id: Option<String>,
    /// Whose the credentials were that were refused, as far as they tell. Chosen by the client.
    pub subject: Option<String>,
    /// The template of the route, never a path.
    pub route: Option<&'static str>,
    /// The method, or `_OTHER` for one that is not known.
    pub method: Option<&'static str>,
    /// The status of the response.
    pub status: Option<u16>,
    /// What was changed: the name of a store, the id of a key.
    pub target: Option<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// The caller is known.
    Allowed,
    /// The request was refused.
    Denied,
    /// The request was refused after too many failures.
    LockedOut,
    /// The server itself was changed, or should have been: see the reason.
    Changed,
}

// ===== impl AuditEvent =====

impl AuditEvent {
    /// Returns the event as a JSON object in one line of ASCII. Texts are cut after 256 bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out, LONGEST_TEXT);
        self.write(&mut json);
        json.end();
        String::from_utf8(out).unwrap_or_default()
    }

    pub(super) fn write(&self, json: &mut Json<'_>) {
        json.text("time", &self.time);
        json.number("seq", self.seq);
        json.text("decision", self.decision.name());
        json.maybe("reason", self.reason);
        json.maybe("request_id", self.request_id.as_deref());
        json.maybe("trace_id", self.trace_id.as_deref());
        if let Some(client) = self.client {
            json.text("client", &client.to_string());
        }
        json.maybe("scheme", self.scheme.map(AuthScheme::name));
        json.maybe("principal", self.principal.as_deref());
        json.maybe("key_id", self.key_id.as_deref());
        json.maybe("subject", self.subject.as_deref());
        json.maybe("method", self.method);
        json.maybe("route", self.route);
        if let Some(status) = self.status {
            json.number("status", status.into());
        }
        json.maybe("target", self.target.as_deref());
    }
}

// ===== impl Decision =====

impl Decision {
    /// Returns a short, stable name: `allowed`, `denied`, `locked_out`, `changed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::LockedOut => "locked_out",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of one text, in bytes.
pub(super) const LONGEST_TEXT: usize = 256;
