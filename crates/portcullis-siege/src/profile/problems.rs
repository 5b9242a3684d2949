//! What is wrong with the values of a profile: everything at once.

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::de::IgnoredAny;

use super::{Limits, Profile, Routes, Signatures, Switches, Tokens};
use crate::{catalogue::CATALOGUE, sample::is_json, target};

/// Returns one sentence for each.
pub(super) fn problems(profile: &Profile) -> Vec<String> {
    let accepted = profile.accept.iter().filter_map(accept);
    let origins = profile.cors.origins.iter().filter_map(|text| origin(text));
    limits(&profile.limits)
        .chain(lockout(profile))
        .chain(routes(&profile.routes))
        .chain(header(&profile.keys.header))
        .chain(origins)
        .chain(trusted(profile))
        .chain(profile.proxy.fronts.iter().filter_map(front))
        .chain(switches(&profile.switches))
        .chain(profile.tokens.iter().flat_map(Tokens::problems))
        .chain(profile.signatures.iter().flat_map(Signatures::problems))
        .chain(accepted)
        .collect()
}

fn limits(limits: &Limits) -> impl Iterator<Item = String> {
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    let count = |value: Option<usize>| value.map(|value| value as f64);
    let all = [
        ("burst", whole(limits.burst), MANY),
        ("per_second", limits.per_second, MANY),
        ("body_bytes", whole(limits.body_bytes), TEBIBYTE),
        ("header_seconds", whole(limits.header_seconds), DAY),
        ("body_seconds", whole(limits.body_seconds), DAY),
        ("write_seconds", whole(limits.write_seconds), DAY),
        ("idle_seconds", whole(limits.idle_seconds), DAY),
        ("request_seconds", limits.request_seconds, DAY),
        ("connections", count(limits.connections), MANY),
        ("client_connections", count(limits.client_connections), MANY),
        ("in_flight", count(limits.in_flight), MANY),
        ("drain_seconds", whole(limits.drain_seconds), DAY),
        ("ready_seconds", whole(limits.ready_seconds), DAY),
    ];
    all.into_iter().filter_map(|(name, value, most)| {
        let is_fine = value.is_none_or(|value| value > 0.0 && value <= most);
        (!is_fine).then(|| format!("limits.{name} is more than 0 and at most {most}"))
    })
}

fn lockout(profile: &Profile) -> Option<String> {
    let is_fine = profile
        .lockout
        .after
        .is_none_or(|after| (1..=10_000).contains(&after));
    (!is_fine).then(|| "lockout.after is 1 or more, and at most 10000".to_owned())
}

pub(super) fn routes(routes: &Routes) -> impl Iterator<Item = String> {
    let slow = routes.slow.as_ref().filter(|path| !path.contains("{ms}"));
    let slow = slow.map(|path| {
        format!("routes.slow: {path}: {{ms}} is missing, in the place of the milliseconds")
    });
    let named = routes.named().into_iter();
    let paths = named.filter_map(|(name, path)| {
        let path = path.filter(|path| !is_path(path))?;
        Some(format!(
            "routes.{name}: {path}: a path begins with /, and has no spaces"
        ))
    });
    slow.into_iter().chain(paths).chain(body(routes))
}

/// What is wrong with how a body is made.
fn body(routes: &Routes) -> Option<String> {
    let kind = routes.body_type.as_deref();
    let sample = routes.body_sample.as_deref();
    let given = [(kind, "body_type"), (sample, "body_sample")];
    let given = given.into_iter().find(|(value, _)| value.is_some());
    if let Some((_, name)) = given.filter(|_| routes.body.is_none()) {
        return Some(format!("routes.{name}: its path is missing (routes.body)"));
    }
    if kind.is_some_and(|kind| !kind.contains('/') || HeaderValue::from_str(kind).is_err()) {
        return Some("routes.body_type: no media type, such as application/json".to_owned());
    }
    let parsed = sample.filter(|_| kind.is_some_and(is_json));
    let problem = serde_json::from_str::<IgnoredAny>(parsed?).err()?;
    Some(format!("routes.body_sample: no JSON: {problem}"))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn header(name: &str) -> Option<String> {
    let is_name = name.parse::<HeaderName>().is_ok();
    (!is_name).then(|| format!("keys.header: {name:?} is not the name of a field"))
}

fn origin(text: &str) -> Option<String> {
    let uri = text.parse::<Uri>();
    let is_one = uri.is_ok_and(|uri| {
        uri.scheme().is_some() && uri.path() == "/" && uri.query().is_none() && !text.ends_with('/')
    });
    (!is_one).then(|| format!("cors.origins: {text:?} is not an origin such as https://good.com"))
}

/// The siege sends from it, so that it must be an address of this machine's loopback.
fn trusted(profile: &Profile) -> Option<String> {
    let address = profile
        .proxy
        .trusted
        .filter(|address| !address.is_loopback())?;
    Some(format!(
        "proxy.trusted: {address} is not a loopback address"
    ))
}

/// What is wrong with the address of a proxy in front of the server.
fn front((name, url): (&String, &String)) -> Option<String> {
    let why = target::problem(url)?;
    Some(format!("proxy.fronts.{name}: {why}"))
}

fn switches(switches: &Switches) -> impl Iterator<Item = String> {
    let all = [
        ("key_store_down", &switches.key_store_down),
        ("key_store_up", &switches.key_store_up),
        ("dependency_down", &switches.dependency_down),
        ("dependency_hang", &switches.dependency_hang),
        ("dependency_up", &switches.dependency_up),
        ("dependency_checks", &switches.dependency_checks),
    ];
    all.into_iter().filter_map(|(name, switch)| {
        let switch = switch.as_ref().filter(|switch| !is_request(switch))?;
        Some(format!(
            "switches.{name}: {switch:?} is not a request such as POST /path"
        ))
    })
}

fn is_request(switch: &str) -> bool {
    let parts = switch.split_once(' ');
    parts.is_some_and(|(method, path)| method.parse::<Method>().is_ok() && is_path(path))
}

/// What is wrong with a breach that is accepted.
fn accept((id, reason): (&String, &String)) -> Option<String> {
    if !CATALOGUE.iter().any(|attack| attack.id == id) {
        return Some(format!(
            "accept.{id}: no such attack; see `portcullis siege --list`"
        ));
    }
    let is_empty = reason.trim().is_empty();
    is_empty.then(|| format!("accept.{id}: a reason is needed"))
}

const DAY: f64 = 86_400.0;
const MANY: f64 = 1_000_000.0;
const TEBIBYTE: f64 = 1_099_511_627_776.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "limits.burst = 0\nroutes.body = 'x'\nlockout.after = 0";
        let problem = Profile::parse(text).unwrap_err().to_string();

        for name in ["limits.burst", "routes.body", "lockout.after"] {
            assert!(problem.contains(name), "{problem}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        for (text, place) in [
            (
                "routes.body_type = 'text/plain'",
                "routes.body_type: its path",
            ),
            ("routes.body_sample = '{}'", "routes.body_sample: its path"),
            (
                "routes.body = '/'\nroutes.body_type = 'json'",
                "routes.body_type: no media type",
            ),
            (
                "routes.body = '/'\nroutes.body_type = 'application/json'\nroutes.body_sample = '{'",
                "routes.body_sample: no JSON",
            ),
            ("limits.per_second = -1.0", "limits.per_second"),
            ("limits.burst = 0", "limits.burst"),
            ("limits.request_seconds = inf", "limits.request_seconds"),
            ("limits.idle_seconds = 900000", "limits.idle_seconds"),
            (
                "limits.body_bytes = 9223372036854775807",
                "limits.body_bytes",
            ),
            ("lockout.after = 4294967295", "lockout.after"),
            ("routes.protected = 'api'", "routes.protected: api"),
            ("routes.own = '/a b'", "routes.own"),
            ("keys.header = 'x key'", "keys.header"),
            ("proxy.trusted = '8.8.8.8'", "proxy.trusted"),
            ("cors.origins = ['good.com']", "cors.origins"),
            ("cors.origins = ['https://good.com/']", "cors.origins"),
            ("switches.key_store_up = '/up'", "switches.key_store_up"),
            (
                "proxy.fronts = { nginx = '127.0.0.1:8821' }",
                "proxy.fronts.nginx: 127.0.0.1:8821: a URL such as",
            ),
            (
                "proxy.fronts = { nginx = 'http://127.0.0.1:88210' }",
                "proxy.fronts.nginx: http://127.0.0.1:88210: no such port",
            ),
        ] {
            let problem = Profile::parse(text).unwrap_err().to_string();
            assert!(problem.starts_with(place), "{problem}");
        }
    }
}
