//! What liveness and readiness tell anybody.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    Level,
    attacks::{api_keys::flip, failures::LEAKS},
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

/// Something that a probe's answer tells.
#[derive(Debug)]
struct Leak {
    what: &'static str,
    text: String,
    level: Level,
}

pub(crate) async fn probes_tell_nothing(context: &Context) -> Finding {
    let routes = &context.profile.routes;
    let health = route(&routes.health)?;
    let paths: Vec<_> = [Some(health), routes.ready.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    look(context, &paths).await?;
    let switches = &context.profile.switches;
    if switches.dependency_down.is_none() || switches.dependency_up.is_none() {
        return Ok(format!("nothing is told by {}", paths.join(", ")));
    }
    flip(context, &switches.dependency_down).await?;
    sleep(SETTLE).await;
    let result = look(context, &paths).await;
    flip(context, &switches.dependency_up).await?;
    sleep(SETTLE).await;
    result?;
    Ok(format!(
        "nothing is told by {}, up or down",
        paths.join(", ")
    ))
}

async fn look(context: &Context, paths: &[&str]) -> Result<(), Failure> {
    for path in paths {
        let request = Request::get(*path);
        let answer = context.send(&request).await?;
        if let Some(leak) = leak(&answer, context.target.authority()) {
            let what = format!("{path} tells anybody {}: {}", leak.what, leak.text);
            let evidence = request.evidence(context, &answer, what);
            return Err(evidence.at_most(leak.level).into());
        }
    }
    Ok(())
}

/// The worst of what an answer's body tells. The server's own address is known.
fn leak(answer: &Answer, own: &str) -> Option<Leak> {
    let text = answer.text();
    let lower = text.to_lowercase();
    let words: Vec<_> = words(&text).filter(|word| *word != own).collect();
    let trace = LEAKS.iter().find(|leak| lower.contains(**leak));
    let one = |is: fn(&str) -> bool| words.iter().copied().find(|word| is(word));
    let pairs = || words.windows(2).map(|pair| (pair[0], pair[1]));
    let leaks = [
        (
            "of its code",
            trace.copied().map(str::to_owned),
            Level::Must,
        ),
        ("credentials", one(has_credentials).map(masked), Level::Must),
        (
            "where a dependency is",
            one(is_dsn).map(masked),
            Level::Should,
        ),
        (
            "an address",
            one(is_address).map(str::to_owned),
            Level::Should,
        ),
        (
            "the name of a host",
            one(is_host).map(str::to_owned),
            Level::Should,
        ),
        (
            "the name of a host",
            pairs().find_map(named_host),
            Level::Should,
        ),
        ("a version", pairs().find_map(component), Level::Should),
        ("its version", pairs().find_map(version), Level::Opinion),
    ];
    let told = |(what, text, level): (_, Option<String>, _)| {
        Some(Leak {
            what,
            text: text?,
            level,
        })
    };
    leaks.into_iter().find_map(told)
}

/// What stands between quotes, brackets, commas and spaces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || "._:/@-%+?&=~".contains(c);
    let words = text.split(move |c| !is_part(c));
    words
        .map(|word| word.trim_matches(['.', ':', '=']))
        .filter(|word| !word.is_empty())
}

fn is_dsn(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| STORES.iter().any(|store| scheme.starts_with(store)))
}

fn has_credentials(word: &str) -> bool {
    let authority = word.split_once("://").map(|(_, rest)| rest);
    let user = authority.and_then(|rest| rest.split_once('@'));
    user.is_some_and(|(user, _)| user.contains(':') && !user.contains('/'))
}

/// A URL without what stands before its host.
fn masked(word: &str) -> String {
    match (word.split_once("://"), word.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://[..]@{host}"),
        _ => word.to_owned(),
    }
}

/// An address with its port, or a private one.
fn is_address(word: &str) -> bool {
    let private = match word.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_private() && word.matches('.').count() == 3,
        _ => false,
    };
    private
        || word
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.port() > 0)
}

/// A name that only a network of their own knows, or a name with the port of a store.
fn is_host(word: &str) -> bool {
    let (name, port) = word.split_once(':').unwrap_or((word, ""));
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_private = PRIVATE.iter().any(|end| name.ends_with(end));
    let is_name = !name.contains(['/', '@', '=', '%']);
    begins && is_name && (is_private || PORTS.contains(&port))
}

/// A member that names a host, and its value.
fn named_host((name, value): (&str, &str)) -> Option<String> {
    let names = [
        "hostname",
        "host",
        "node",
        "pod",
        "container_id",
        "server_name",
    ];
    let is_named = names.contains(&name.to_lowercase().as_str());
    let is_one = value.contains(['-', '.']) && value.contains(|c: char| c.is_ascii_digit());
    (is_named && is_one).then(|| value.to_owned())
}

/// A member that names something that others wrote, and its version.
fn component((name, value): (&str, &str)) -> Option<String> {
    let lower = name.to_lowercase();
    let value = value.rsplit('/').next()?;
    let is_named = lower != "version" && lower.ends_with("version");
    // One dot may be a time.
    let is_plain = value.starts_with('v') || value.matches('.').count() > 1;
    let is_other = is_named || is_plain && SOFTWARE.contains(&lower.as_str());
    (is_other && is_version(value)).then(|| format!("{name} {value}"))
}

fn version((name, value): (&str, &str)) -> Option<String> {
    let is_one = name.eq_ignore_ascii_case("version") && is_version(value);
    is_one.then(|| value.to_owned())
}

/// Numbers with dots between them, at least one.
fn is_version(text: &str) -> bool {
    let numbers = text
        .trim_start_matches('v')
        .split(['-', '+'])
        .next()
        .unwrap_or("");
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.contains('.') && numbers.split('.').all(is_number)
}

const STORES: [&str; 9] = [
    "postgres",
    "mysql",
    "redis",
    "mongodb",
    "amqp",
    "kafka",
    "nats",
    "memcached",
    "jdbc",
];
const PRIVATE: [&str; 7] = [
    ".internal",
    ".local",
    ".svc",
    ".lan",
    ".corp",
    ".intranet",
    ".amazonaws.com",
];
/// Where PostgreSQL, MySQL, Redis, MongoDB, RabbitMQ, Kafka, memcached and Elasticsearch listen.
const PORTS: [&str; 8] = [
    "5432", "3306", "6379", "27017", "5672", "9092", "11211", "9200",
];
const SOFTWARE: [&str; 12] = [
    "postgres", "mysql", "redis", "mongodb", "rabbitmq", "kafka", "nginx", "openssl", "python",
    "node", "java", "golang",
];
/// How long a dependency's state takes to be seen.
const SETTLE: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Option<(&'static str, Level)> {
        let answer = Answer {
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        leak(&answer, "127.0.0.1:8080").map(|leak| (leak.what, leak.level))
    }

    #[test]
    fn what_anybody_may_know_is_no_leak() {
        for body in [
            "",
            "ok",
            r#"{"status":"healthy","uptime_seconds":12.5,"checks":{"redis":"up","node":"up"}}"#,
            r#"{"time":"2026-11-26T17:45:23Z","took":"1.5","redis":{"status":"down","ms":0.25}}"#,
            r#"{"type":"https://errors.example/unavailable","host":"127.0.0.1:8080"}"#,
            r#"{"redis":1.25,"mysql":"0.5"}"#,
            "status:503 version:3",
        ] {
            assert_eq!(told(body), None, "{body}");
        }
    }

    #[test]
    fn each_leak_has_its_level() {
        for (body, level) in [
            (
                r#"{"db":"postgres://app:hunter2@db:5432/app"}"#,
                Level::Must,
            ),
            ("Traceback (most recent call last)", Level::Must),
            (r#"{"cache":"redis://cache/0"}"#, Level::Should),
            (
                r#"{"error":"dial tcp 10.0.3.7:5432: refused"}"#,
                Level::Should,
            ),
            (r#"{"error":"no answer of 192.168.4.9"}"#, Level::Should),
            (r#"{"db":"db-1.prod.internal"}"#, Level::Should),
            (r#"{"hostname":"web-7f9c5"}"#, Level::Should),
            (r#"{"redis_version":"7.2.4"}"#, Level::Should),
            (r#"{"node":"v20.11.1"}"#, Level::Should),
            (r#"{"version":"1.4.2"}"#, Level::Opinion),
        ] {
            assert_eq!(told(body).map(|(_, level)| level), Some(level), "{body}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        assert_eq!(masked("amqp://a:secret@mq"), "amqp://[..]@mq");
    }
}
