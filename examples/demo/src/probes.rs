//! What the page cannot send, because the browser sets these fields itself or because its own address would
//! be locked out: the server sends it to itself, and the page shows the raw answers.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use portcullis::{LockoutRule, api_key::ApiKey};
use serde::Serialize;

use crate::{app::Demo, raw};

/// A request, and its raw answer.
#[derive(Debug, Serialize)]
pub(crate) struct Probe {
    request: String,
    answer: String,
}

/// Sends wrong keys until their address is locked out, then the right one. It is another address each time,
/// so that no one else is locked out.
pub(crate) async fn lockout(demo: &Demo) -> io::Result<Vec<Probe>> {
    let source = other_address();
    let mut probes = Vec::new();
    for attempt in 0..=LockoutRule::default().after() {
        let is_right = attempt == LockoutRule::default().after();
        let (request, key) = if is_right {
            ("right key", demo_key(demo))
        } else {
            ("wrong key", "not-a-key-of-this-server")
        };
        let head = head(demo, "GET /api/hello", &[("x-api-key", key)]);
        let answer = raw::ask_from(source, demo.address, &head).await;
        let answer = answer.map_err(|error| io::Error::other(format!("from {source}: {error}")))?;
        probes.push(Probe::new(request, answer));
    }
    Ok(probes)
}

/// Sends the preflight of a script of an allowed origin, and the same of another.
pub(crate) async fn preflights(demo: &Demo) -> io::Result<Vec<Probe>> {
    let mut probes = Vec::new();
    for origin in [&*allowed_origin(&demo.config.cors_origins), OTHER_ORIGIN] {
        let fields = [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-api-key"),
        ];
        let head = head(demo, "OPTIONS /api/hello", &fields);
        let answer = raw::ask(demo.address, &head).await?;
        probes.push(Probe::new(origin, answer));
    }
    Ok(probes)
}

/// Sends a form as a browser does for a page of the same site, and for one of another.
pub(crate) async fn forms(demo: &Demo) -> io::Result<Vec<Probe>> {
    let own = format!("http://{}", demo.address);
    let mut probes = Vec::new();
    for (site, origin) in [("same-origin", &*own), ("cross-site", OTHER_ORIGIN)] {
        let fields = [
            ("x-api-key", demo_key(demo)),
            ("origin", origin),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", &FORM.len().to_string()),
        ];
        let head = head(demo, "POST /api/echo", &fields);
        let answer = raw::ask(demo.address, &format!("{head}{FORM}")).await?;
        probes.push(Probe::new(site, answer));
    }
    Ok(probes)
}

// ===== impl Probe =====

impl Probe {
    fn new(request: &str, answer: String) -> Self {
        Self {
            request: request.to_owned(),
            answer,
        }
    }
}

fn head(demo: &Demo, line: &str, fields: &[(&str, &str)]) -> String {
    let first = format!("{line} HTTP/1.1\r\nhost: {}\r\n", demo.address);
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let fields: String = fields.collect();
    format!("{first}{fields}connection: close\r\n\r\n")
}

fn demo_key(demo: &Demo) -> &str {
    demo.config.demo_key.as_ref().map_or("", ApiKey::expose)
}

/// Returns the first of them; where it is a pattern, one that it allows.
fn allowed_origin(origins: &str) -> String {
    let first = origins.split(',').next().unwrap_or_default();
    first.replace('*', "any")
}

/// All of 127/8 is this machine, with Linux at least.
fn other_address() -> IpAddr {
    let [second, third, fourth] = rand::random::<[u8; 3]>();
    Ipv4Addr::new(127, second.max(1), third, fourth.clamp(1, 254)).into()
}

const OTHER_ORIGIN: &str = "https://elsewhere.example";
const FORM: &str = "to=eve&amount=100";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_origin_is_the_first_or_one_of_its_pattern() {
        for (origins, allowed) in [
            ("https://app.example", "https://app.example"),
            ("https://a.example,https://b.example", "https://a.example"),
            ("https://*.app.example", "https://any.app.example"),
        ] {
            assert_eq!(allowed_origin(origins), allowed);
        }
    }

    #[test]
    fn another_address_is_of_this_machine_and_not_that_of_the_page() {
        for _ in 0..1000 {
            let address = other_address();

            assert!(address.is_loopback());
            assert_ne!(address, IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
    }
}
