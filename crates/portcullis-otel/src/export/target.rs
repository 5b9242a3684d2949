use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::{endpoint, tls::Tls};
use crate::{
    signal::Signal,
    variables::{Variables, pairs},
};

/// To whom a signal's records go, and how.
#[derive(Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) protocol: Protocol,
    /// With the path that is called.
    pub(crate) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
    pub(crate) timeout: Duration,
    pub(super) tls: Tls,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    Http,
}

// ===== impl Target =====

impl Target {
    /// Reads a signal's variables, and the general ones where it has none of its own.
    ///
    /// They are all read, and problems noted, even if the signal is not exported.
    pub(crate) fn read(variables: &mut Variables, signal: Signal) -> Option<Self> {
        let is_named = endpoint::is_named(variables, signal);
        let exporter = format!("OTEL_{}_EXPORTER", signal.upper());
        let is_wanted = variables.parse(&exporter, is_otlp).unwrap_or(is_named);
        let protocol = variables.parse(&name(variables, signal, "PROTOCOL"), Protocol::parse);
        let protocol = protocol.unwrap_or(Protocol::Http);
        let uri = endpoint::read(variables, signal, protocol);
        let headers = variables.parse(&name(variables, signal, "HEADERS"), headers);
        let compressions = [("gzip", true), ("none", false)];
        let gzip = variables.one_of(&name(variables, signal, "COMPRESSION"), &compressions);
        let timeout = variables.timeout(&name(variables, signal, "TIMEOUT"));
        let tls = Tls::read(variables, signal);
        uri.filter(|_| is_wanted).map(|uri| Self {
            protocol,
            uri,
            headers: headers.unwrap_or_default(),
            gzip: gzip == Some(true),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            tls,
        })
    }
}

/// Headers may be secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("protocol", &self.protocol)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

// ===== impl Protocol =====

impl Protocol {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::Http),
            _ => Err(format!("{text:?} is not one of: grpc, http/protobuf")),
        }
    }
}

/// Returns the variable that counts for a signal: its own, if it is set, or the general one.
pub(super) fn name(variables: &Variables, signal: Signal, rest: &str) -> String {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{rest}", signal.upper());
    match variables.text(&own) {
        Some(_) => own,
        None => format!("OTEL_EXPORTER_OTLP_{rest}"),
    }
}

fn is_otlp(text: &str) -> Result<bool, String> {
    match text {
        "otlp" => Ok(true),
        "none" => Ok(false),
        "prometheus" => Err(
            "prometheus: a page of metrics is not an exporter here: portcullis-prometheus has one"
                .to_owned(),
        ),
        _ => Err(format!("{text:?} is not one of: otlp, none")),
    }
}

/// Values may be secrets: none is repeated.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (key, value) in pairs(text)? {
        let name = HeaderName::try_from(&key).map_err(|_| {
            "a name is not a header's: it is written name=value,name=value".to_owned()
        })?;
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("{name} is what OTLP itself sends"));
        }
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("what {name} is to be is not a header's value"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

const RESERVED: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "host",
    "te",
    "transfer-encoding",
];
