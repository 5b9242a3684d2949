//! Where a collector is, by the rules of the specification for each protocol.

use http::{Uri, uri::Scheme};
use portcullis_core::observe::redacted_url;

use super::Protocol;
use crate::{signal::Signal, variables::Variables};

/// Reads the endpoint of a signal. Returns the address to send to, whether or not one is named.
pub(super) fn read(variables: &mut Variables, signal: Signal, protocol: Protocol) -> Option<Uri> {
    let insecure = super::target::name(variables, signal, "INSECURE");
    let insecure = variables.boolean(&insecure) == Some(true);
    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.upper());
    let is_own = variables.text(&own).is_some();
    let name = if is_own { own.as_str() } else { GENERAL };
    match protocol {
        Protocol::Grpc => {
            let read = variables.parse(name, |text| grpc(text, insecure, signal));
            read.or_else(|| {
                Uri::try_from(format!("http://localhost:4317{}", signal.grpc_path())).ok()
            })
        }
        Protocol::Http => {
            let read = variables.parse(name, |text| over_http(text, is_own, signal));
            read.or_else(|| over_http("http://localhost:4318", false, signal).ok())
        }
    }
}

/// Returns whether an endpoint is named for the signal, or for all.
pub(super) fn is_named(variables: &Variables, signal: Signal) -> bool {
    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.upper());
    variables.text(&own).is_some() || variables.text(GENERAL).is_some()
}

/// An endpoint for one signal is used as it is; to the general one the signal's path is added.
fn over_http(text: &str, is_own: bool, signal: Signal) -> Result<Uri, String> {
    let uri = parse(text)?;
    if is_own {
        return Ok(uri);
    }
    if uri.query().is_some() {
        return Err(format!("{:?} has a query", redacted_url(text)));
    }
    let (base, signal) = (uri.path().trim_end_matches('/'), signal.as_str());
    with_path(&uri, &format!("{base}/v1/{signal}"))
}

/// The method is the path. The variable `..INSECURE` counts where there is no scheme.
fn grpc(text: &str, insecure: bool, signal: Signal) -> Result<Uri, String> {
    let scheme = if insecure { "http" } else { "https" };
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("{scheme}://{text}")
    };
    let uri = parse(&full)?;
    if uri.path() != "/" || uri.query().is_some() {
        return Err(format!(
            "{:?} has a path, which OTLP over gRPC has no use for",
            redacted_url(text)
        ));
    }
    with_path(&uri, signal.grpc_path())
}

fn parse(text: &str) -> Result<Uri, String> {
    // A password is not repeated.
    if text.contains('@') {
        return Err("it has a user or a password: use the variable ..HEADERS".to_owned());
    }
    let wrong = || {
        let text = redacted_url(text);
        format!("{text:?} is not a URL that begins with http:// or https://")
    };
    let uri = Uri::try_from(text).map_err(|_| wrong())?;
    let is_known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    // `http` keeps a port that is none.
    let rest = uri.authority().map(|all| all.as_str().rsplit_once(':'));
    let is_port =
        |port: &str| port.ends_with(']') || port.parse::<u16>().is_ok_and(|port| port > 0);
    let has_right_port = rest.flatten().is_none_or(|(_, port)| is_port(port));
    if is_known && has_host && has_right_port {
        Ok(uri)
    } else {
        Err(wrong())
    }
}

fn with_path(uri: &Uri, path: &str) -> Result<Uri, String> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).map_err(|error| error.to_string())
}

const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
