//! J: panics, timeouts, bodies, errors.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use tokio::time::{Instant, sleep};

use super::{
    answers::{all, slow_path, too_slow},
    log::Log,
};
use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::{Ask, Client, Exchange, Frames, Kind, encode, head_of},
};

pub(crate) async fn panic(arena: &Arena) -> Finding {
    let ask = arena.get(route(&arena.profile.routes.panic)?);
    let log = Log::here(arena).await?;
    let answer = match arena.ask(&ask).await {
        Err(Trouble::Unclear(_)) => return Err(no_answer(arena, &ask).await),
        answer => answer?,
    };
    let text = answer.text().to_lowercase();
    let what = match () {
        () if answer.status != 500 => Some(format!("{} for a panic", answer.status)),
        () if LEAKS.iter().any(|leak| text.contains(leak)) => {
            Some("the answer tells of the panic".to_owned())
        }
        () if !answer
            .header("content-type")
            .starts_with("application/problem+json") =>
        {
            Some("500 that is no problem+json".to_owned())
        }
        () => None,
    };
    if let Some(what) = what {
        return Err(ask.breach(arena, &answer, what));
    }
    if let Some(log) = log {
        log.tells_of_a_panic(&ask.path).await?;
    }
    match (arena.found.http2, &arena.profile.routes.slow) {
        (true, Some(slow)) => beside_another(arena, &ask, slow).await,
        _ => Ok("500".to_owned()),
    }
}

/// A server that lets a panic through closes the connection.
async fn no_answer(arena: &Arena, ask: &Ask) -> Trouble {
    match arena.exchange(head(arena, ask)).await {
        Ok(seen) if seen.status().is_none() && seen.closed => {
            seen.breach("the connection is closed without an answer")
        }
        Ok(_) => Trouble::Unclear("there is an answer only now and then".to_owned()),
        Err(trouble) => trouble,
    }
}

/// A stream beside the one that panics goes on.
async fn beside_another(arena: &Arena, ask: &Ask, slow: &str) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let other = arena.get(&slow_path(slow, 300));
    for (stream, ask) in [(1, &other), (3, ask)] {
        let block = block(arena, ask, None);
        frames.send(Kind::Headers, 5, stream, &block).await?;
    }
    frames
        .wait(Duration::from_secs(3), |seen| {
            seen.ended.contains(&1) || seen.closed
        })
        .await;
    let seen = frames.seen();
    match seen.status(1) {
        Some(200..=299) => Ok("500, and the stream beside it went on".to_owned()),
        _ => Err(seen
            .evidence(
                "a panic ends another stream of the connection",
                "a slow request, then one that panics",
                arena,
                "J01",
            )
            .into()),
    }
}

pub(crate) async fn panic_in_body(arena: &Arena) -> Finding {
    let ask = arena.get(route(&arena.profile.routes.panic_body)?);
    let log = Log::here(arena).await?;
    let seen = arena.exchange(head(arena, &ask)).await?;
    match seen.answers().first() {
        Some(answer) if answer.is_good() && answer.whole && !ends_with_connection(&seen) => {
            return Err(seen.breach("the body ends as if it were whole"));
        }
        Some(answer) if answer.is_good() && !seen.closed => {
            return Err(seen.breach("the answer never ends"));
        }
        _ => {}
    }
    if let Some(log) = log {
        log.tells_of_a_panic(&ask.path).await?;
        return Ok("cut, seen to be cut, and logged".to_owned());
    }
    Ok("cut, and seen to be cut".to_owned())
}

/// Whether a body's end is only the connection's.
fn ends_with_connection(seen: &Exchange) -> bool {
    let answers = seen.answers();
    let framed = |answer: &crate::wire::Answer| {
        answer.has("content-length") || answer.has("transfer-encoding")
    };
    !answers.first().is_some_and(framed)
}

pub(crate) async fn deadline(arena: &Arena) -> Finding {
    let limit = Duration::from_secs_f64(arena.profile.limits.request_seconds);
    if limit + Duration::from_secs(3) > arena.intensity.patience() {
        return Err(Trouble::NotTested(format!(
            "the deadline is {} s (limits.request_seconds)",
            limit.as_secs()
        )));
    }
    let ask = arena.get(&slow_path(
        route(&arena.profile.routes.slow)?,
        too_slow(arena),
    ));
    let began = Instant::now();
    let mut client = Client::connect(arena, arena.fresh(), false).await?;
    let response =
        tokio::time::timeout(limit + Duration::from_secs(1), client.send(arena, &ask)).await;
    let took = began.elapsed().as_millis();
    match response {
        Ok(Ok(response)) if matches!(response.status().as_u16(), 503 | 504) => {
            Ok(format!("{} after {took} ms", response.status().as_u16()))
        }
        Ok(Ok(response)) => Err(ask.breach(
            arena,
            &Default::default(),
            format!("{} after {took} ms", response.status()),
        )),
        Ok(Err(trouble)) => Err(trouble),
        Err(_) => Err(ask.breach(
            arena,
            &Default::default(),
            format!(
                "no answer after {took} ms; the deadline is {} ms",
                limit.as_millis()
            ),
        )),
    }
}

pub(crate) async fn client_gone(arena: &Arena) -> Finding {
    let before = in_flight(arena).await?;
    let ask = arena.get(&slow_path(route(&arena.profile.routes.slow)?, 60_000));
    for _ in 0..20 {
        let mut raw = arena.raw().await?;
        raw.send(head(arena, &ask)).await?;
        raw.read(Duration::from_millis(20)).await;
    }
    let ends = Instant::now() + Duration::from_secs(1);
    let mut after = in_flight(arena).await?;
    while after > before && Instant::now() < ends {
        sleep(Duration::from_millis(100)).await;
        after = in_flight(arena).await?;
    }
    match after <= before {
        true => Ok("20 clients gone, none left in flight".to_owned()),
        false => {
            let metrics = arena.get(route(&arena.profile.routes.metrics)?);
            let answer = arena.ask(&metrics).await?;
            Err(metrics.breach(
                arena,
                &answer,
                format!(
                    "{} requests more in flight after their clients went",
                    after - before
                ),
            ))
        }
    }
}

/// The gauge of requests in flight, over all its series.
async fn in_flight(arena: &Arena) -> Result<i64, Trouble> {
    let answer = arena
        .ask(&arena.get(route(&arena.profile.routes.metrics)?))
        .await?;
    let text = answer.text();
    let values = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("active_requests"));
    let values: Vec<_> = values
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .collect();
    match values.is_empty() {
        true => Err(Trouble::NotTested(
            "the metrics have no gauge of active requests".to_owned(),
        )),
        false => Ok(values.iter().sum::<f64>() as i64),
    }
}

pub(crate) async fn declared_length(arena: &Arena) -> Finding {
    let length = arena.profile.limits.body_bytes + 1;
    let ask = to_body(arena)?.header("content-length", length.to_string());
    let seen = arena.exchange(head(arena, &ask)).await?;
    match seen.status() {
        Some(413) => Ok("413 before the body".to_owned()),
        // Later, it was only tired of waiting.
        None if seen.closed && seen.took < Duration::from_secs(1) => {
            Ok("closed at once".to_owned())
        }
        status => Err(seen.breach(format!(
            "{status:?} for a body of {length} bytes; 413 was expected"
        ))),
    }
}

pub(crate) async fn chunked_length(arena: &Arena) -> Finding {
    let limit = arena.profile.limits.body_bytes as usize;
    let ask = to_body(arena)?.header("transfer-encoding", "chunked");
    let mut raw = arena.raw().await?;
    raw.send(head(arena, &ask)).await?;
    let chunk = [b"4000\r\n", &[b'a'; 0x4000][..], b"\r\n"].concat();
    let mut sent = 0;
    while sent <= limit * 2 + (1 << 20) && !raw.is_closed() && raw.seen().received.is_empty() {
        raw.send(&chunk).await?;
        sent += 0x4000;
        raw.read(Duration::from_millis(1)).await;
    }
    if !raw.is_closed() && raw.seen().received.is_empty() {
        raw.send("0\r\n\r\n").await?;
    }
    raw.read_answers().await;
    let seen = raw.into_seen();
    match seen.status() {
        Some(413) => Ok("413".to_owned()),
        None if seen.closed => Ok("closed".to_owned()),
        status => Err(seen.breach(format!(
            "{status:?} for {sent} bytes in chunks; the limit is {limit}"
        ))),
    }
}

pub(crate) async fn lying_length(arena: &Arena) -> Finding {
    for (declared, sent, name) in [(5, 50, "longer"), (50, 5, "shorter")] {
        let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
        let block = block(arena, &to_body(arena)?, Some(declared));
        frames.send(Kind::Headers, 4, 1, &block).await?;
        frames.send(Kind::Data, 1, 1, &vec![b'a'; sent]).await?;
        frames
            .wait(Duration::from_secs(2), |seen| {
                seen.refused(1) || seen.ended.contains(&1)
            })
            .await;
        let seen = frames.seen();
        if !seen.refused(1) {
            let what = format!(
                "DATA {name} than its Content-Length is served with {:?}",
                seen.status(1)
            );
            return Err(seen
                .evidence(what, "content-length and DATA that differ", arena, "J08")
                .into());
        }
    }
    Ok("refused, longer and shorter".to_owned())
}

pub(crate) async fn zip_bomb(arena: &Arena) -> Finding {
    let small = to_body(arena)?
        .header("content-encoding", "gzip")
        .body(gzip(b"siege-unpacked", 1)?);
    let answer = arena.ask(&small).await?;
    let unpacks = match () {
        () if answer.is_good() && answer.mentions("siege-unpacked") => true,
        () if answer.status == 415 || answer.is_good() && answer.body == small.body => false,
        () if answer.status >= 400 => {
            return Err(Trouble::NotTested(format!(
                "a small gzip body is answered with {}",
                answer.status
            )));
        }
        () => {
            return Err(Trouble::Unclear(
                "whether bodies are unpacked can't be seen".to_owned(),
            ));
        }
    };
    if !unpacks {
        return Ok("bodies are not unpacked".to_owned());
    }
    // 1 MB as sent, 1 GB unpacked; less if the limit is lower.
    let limit = arena.profile.limits.body_bytes as usize;
    let times = (limit.min(1 << 20) * 9 / 10).max(2000) / 1000;
    let bomb = to_body(arena)?
        .header("content-encoding", "gzip")
        .body(gzip(&[0; 1 << 20], times)?);
    refused(
        arena,
        &bomb,
        &[413, 415, 400],
        "a body that unpacks to a thousand times its size",
    )
    .await?;
    let odd = to_body(arena)?
        .header("content-encoding", "siege")
        .body("a");
    refused(arena, &odd, &[415, 400], "a coding nobody knows").await?;
    Ok(format!(
        "refused; {} KB would be {times} MB",
        bomb.body.len() >> 10
    ))
}

async fn refused(arena: &Arena, ask: &Ask, allowed: &[u16], what: &str) -> Result<(), Trouble> {
    let Ok(answer) = arena.ask(ask).await else {
        return Ok(());
    };
    match allowed.contains(&answer.status) {
        true => Ok(()),
        false => Err(ask.breach(arena, &answer, format!("{} for {what}", answer.status))),
    }
}

fn gzip(block: &[u8], times: usize) -> Result<Vec<u8>, Trouble> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..times {
        encoder.write_all(block)?;
    }
    Ok(encoder.finish()?)
}

pub(crate) async fn body_of_get(arena: &Arena) -> Finding {
    let length = 64 << 20;
    // What lies in the system's buffers was sent, and not read.
    let allowed = usize::try_from(arena.profile.limits.body_bytes).unwrap_or(length) + BUFFERS;
    let ask = Ask::get(arena.control()).header("content-length", length.to_string());
    let mut raw = arena.raw().await?;
    raw.send(head(arena, &ask)).await?;
    let block = vec![b'a'; 1 << 20];
    let mut sent = 0;
    while sent < length && !raw.is_closed() {
        raw.send(&block).await?;
        sent += block.len();
        raw.read(Duration::from_millis(1)).await;
        if matches!(raw.seen().status(), Some(400 | 413)) {
            return Ok("413".to_owned());
        }
    }
    raw.read_answers().await;
    if matches!(raw.seen().status(), Some(400 | 413)) {
        return Ok("413".to_owned());
    }
    let mib = sent >> 20;
    match raw.is_closed() && sent <= allowed {
        true => Ok(format!("closed after {mib} MiB")),
        false => Err(raw
            .seen()
            .breach(format!("{mib} MiB of a GET's body are read"))),
    }
}

/// More than a system keeps of what a server does not read.
const BUFFERS: usize = 16 << 20;

pub(crate) async fn error_bodies(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    for kind in kinds.iter() {
        if let Some(name) = SOFTWARE.iter().find(|name| kind.answer.has(name)) {
            return Err(kind.breach(arena, &format!("the field {name} names software")));
        }
        let text = kind.answer.text().to_lowercase();
        let leak = LEAKS
            .iter()
            .find(|leak| kind.is_error() && text.contains(*leak));
        if let Some(leak) = leak {
            return Err(kind.breach(arena, &format!("the error's body says {leak:?}")));
        }
    }
    Ok(format!("{} kinds of answers", kinds.len()))
}

pub(crate) async fn no_body(arena: &Arena) -> Finding {
    let protected = arena.profile.routes.protected.as_deref();
    for path in [Some("/siege-unknown"), protected, Some(arena.control())]
        .into_iter()
        .flatten()
    {
        let mut raw = arena.raw().await?.head_only();
        raw.send(head(arena, &Ask::new("HEAD", path))).await?;
        raw.read_answers().await;
        let seen = raw.into_seen();
        if head_of(&seen.received).len() < seen.received.len() {
            return Err(seen.breach("HEAD is answered with a body"));
        }
    }
    Ok("heads only".to_owned())
}

pub(crate) async fn headers_on_errors(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    let errors: Vec<_> = kinds.iter().filter(|kind| kind.is_error()).collect();
    let good = kinds.iter().find(|kind| !kind.is_error());
    let expected = super::headers::SECURITY
        .iter()
        .filter(|name| good.is_none_or(|kind| kind.answer.has(name)));
    let expected: Vec<_> = expected.chain(["x-content-type-options"].iter()).collect();
    for kind in &errors {
        let missing: Vec<_> = expected
            .iter()
            .filter(|name| !kind.answer.has(name))
            .map(|name| **name)
            .collect();
        if !missing.is_empty() {
            return Err(kind.breach(arena, &format!("without {}", missing.join(", "))));
        }
    }
    Ok(format!("on {} kinds of errors", errors.len()))
}

/// A POST to the route that reads a body.
fn to_body(arena: &Arena) -> Result<Ask, Trouble> {
    Ok(Ask::new("POST", route(&arena.profile.routes.body)?).key(arena))
}

/// A request's head, as bytes.
pub(crate) fn head(arena: &Arena, ask: &Ask) -> Vec<u8> {
    let host = arena.target.authority();
    let mut all = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", ask.method, ask.path).into_bytes();
    for (name, value) in &ask.headers {
        all.extend_from_slice(format!("{name}: ").as_bytes());
        all.extend_from_slice(value);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"\r\n");
    all
}

fn block(arena: &Arena, ask: &Ask, length: Option<u64>) -> Vec<u8> {
    let length = length.map(|length| length.to_string());
    let mut fields: Vec<(&str, &[u8])> = vec![
        (":method", ask.method.as_bytes()),
        (":scheme", b"http"),
        (":authority", arena.target.authority().as_bytes()),
        (":path", ask.path.as_bytes()),
    ];
    fields.extend(
        ask.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice())),
    );
    if let Some(length) = &length {
        fields.push(("content-length", length.as_bytes()));
    }
    encode(&fields)
}

/// What an error's body never says, in lower case.
const LEAKS: &[&str] = &[
    "panicked at",
    "backtrace",
    ".rs:",
    "thread '",
    "stack trace",
    "traceback",
    "at line ",
    "/src/",
    "/usr/",
    "exception in",
];

/// Fields that name software (OWASP Secure Headers, the common ones of its list).
const SOFTWARE: &[&str] = &[
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-generator",
    "x-runtime",
    "x-version",
    "x-server-powered-by",
    "x-powered-cms",
    "x-backend-server",
    "x-served-by",
    "x-server-name",
    "x-php-version",
    "x-framework",
    "x-envoy-upstream-service-time",
    "x-mod-pagespeed",
    "x-varnish",
    "via",
    "liferay-portal",
    "x-owa-version",
    "x-b3-traceid",
];
