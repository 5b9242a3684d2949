//! What the README and its pages say of the limits, held to the code.

#![expect(clippy::expect_used, reason = "tests")]

use std::{fs, path::Path};

use portcullis::{
    Guard, Quota, Reply,
    client_ip::{ResolveClientIp, Strategy},
    rate_limit::{
        HeaderDraft, InFlight, MemoryStore, OnFailure, Policy, Prefixes, RateLimit, RateLimitLayer,
    },
};
use portcullis_test::{echo, request, send};
use tower::Layer;

/// The page's table: what is named, and its default.
fn table() -> Vec<(String, String)> {
    let readme = include_str!("../../../docs/limits.md");
    let (_, rest) = readme
        .split_once("<!-- limits:begin -->")
        .expect("there is a table");
    let (table, _) = rest.split_once("<!-- limits:end -->").expect("it ends");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].replace('`', ""), cells[1].to_owned())
    };
    rows.map(cells).collect()
}

fn on(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

macro_rules! row {
    ($type:ident :: $first:ident $(, $more:ident)* => $default:expr) => {{
        let names = [stringify!($first), $(stringify!($more)),*].join(", ");
        (format!("{}::{names}", stringify!($type)), $default.to_string())
    }};
}

/// Whether a public method of that name is in a module's sources.
fn exists(module: &str, method: &str) -> bool {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/portcullis/src");
    let mut folders = vec![Path::new(folder).join(module)];
    let is_it = |line: &str| {
        let line = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("const ");
        let rest = line
            .strip_prefix("fn ")
            .and_then(|line| line.strip_prefix(method));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_it)) {
                return true;
            }
        }
    }
    false
}

#[test]
fn every_method_of_the_table_is_there() {
    for (names, _) in table() {
        let (of, methods) = names.split_once("::").expect("a type and its methods");
        let module = match of {
            "Strategy" | "ResolveClientIp" => "client_ip",
            "Server" => "serve",
            _ => "rate_limit",
        };
        for method in methods.split(", ") {
            assert!(exists(module, method), "{of}::{method}");
        }
    }
    assert!(!exists("serve", "no_such_method"));
}

/// What a default policy says of itself, after its name, quota and key.
fn of_policy(part: &str) -> bool {
    Policy::new("p", Quota::per_second(1))
        .to_string()
        .contains(part)
}

/// Whether a default guard takes out a header that nobody trusted wrote.
fn strips_forged() -> bool {
    let (mut head, _) = request("/").into_parts();
    let forged = "192.0.2.7".parse().expect("a value");
    head.headers.insert("x-real-ip", forged);
    ResolveClientIp::new().admit(&mut head, &mut Reply::default());
    !head.headers.contains_key("x-real-ip")
}

/// What the table says of policies.
fn rows_of_policies() -> Vec<(String, String)> {
    let policy = Policy::new("p", Quota::per_hour(1)).to_string();
    vec![
        row!(Policy::by => policy.split(" for ").nth(1).unwrap_or_default()),
        row!(KeyBy::network => Prefixes::SUBSCRIBER),
        row!(Policy::paths, exempt_paths, exempt_methods, exempt_networks =>
            if of_policy("; on") || of_policy("except") { "some" } else { "all requests" }),
        row!(Policy::cost => 1),
        row!(Policy::cost_after, content_bytes =>
            if of_policy("in bytes") || of_policy("by what comes") { "otherwise" }
            else { "as it was charged" }),
        row!(Policy::key, tier, tier_by => if policy.contains(';') { "some" } else { "none" }),
        row!(Policy::dry_run => on(of_policy("dry run"))),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_table_of_limits_is_what_the_code_does() {
    let quota = Quota::per_hour(1);
    let keys = RateLimit::new(quota).max_keys(65_536).bytes();
    let is_default_size = RateLimit::new(quota).bytes() == keys;
    let shared = RateLimit::new(quota).shared(MemoryStore::new(1));
    let layer = RateLimitLayer::new(quota);
    let served = send(layer.layer(echo()), request("/")).await;
    let mut waits = Vec::new();
    for _ in 0..100 {
        let refused = send(layer.layer(echo()), request("/")).await;
        waits.push(refused.headers()["retry-after"].clone());
    }
    waits.dedup();
    let in_flight_guard = InFlight::new(1);
    let in_flight = in_flight_guard.describe();
    let lease = shared
        .lease()
        .map_or("off".to_owned(), |size| size.to_string());

    let first = [
        row!(Strategy::peer, proxies, hops, header => Strategy::default()),
        row!(ResolveClientIp::strip_forged => on(strips_forged())),
    ];
    let rest = [
        row!(RateLimit::max_keys =>
            if is_default_size { "65536 in each policy" } else { "another number" }),
        row!(RateLimit::headers => format!("{:?}", HeaderDraft::V10)),
        row!(RateLimit::legacy_headers => on(served.headers().contains_key("x-ratelimit-limit"))),
        row!(RateLimit::jitter => on(waits.len() > 1)),
        row!(SharedRateLimit::with_on_failure => OnFailure::default()),
        row!(SharedRateLimit::with_time_limit => format!("{:?}", shared.time_limit())),
        row!(SharedRateLimit::with_lease => lease),
        row!(InFlight::new, by => in_flight.split(" for ").nth(1).unwrap_or_default()),
        row!(InFlight::headers => if in_flight_guard.writes().is_empty() { "of refusals" }
            else { "of all" }),
        ("Server::proxy_protocol".to_owned(), "nobody".to_owned()),
    ];
    let rows = first.into_iter().chain(rows_of_policies()).chain(rest);
    let expected: Vec<_> = rows
        .map(|(name, value)| (name.replace("Shared::", "SharedRateLimit::"), value))
        .collect();
    assert_eq!(table(), expected);
    assert!(served.headers().contains_key("ratelimit"), "draft 10");
    assert!(
        !layer
            .part()
            .map(|limit| limit.counts())
            .unwrap_or_default()
            .is_empty()
    );
}

#[test]
fn the_guard_of_the_five_minutes_is_the_one_that_is_tested() {
    let doc = include_str!("../../../docs/writing-a-layer.md");
    let source = include_str!("../../../examples/maintenance/src/lib.rs");

    let lines = source.trim().lines().count();

    assert!(doc.contains(source.trim()), "they differ");
    assert!(lines < 60, "{lines} lines");
}
