//! J: panics, timeouts, bodies, errors.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::answers::{all, slow_path, too_slow};
use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request, encode, head_of},
};

mod bodies;
mod codings;
mod inside;
mod malformed;
mod nesting;
mod odd;
mod packed;
mod panics;
mod parameters;
mod promised;
mod ranges;
mod shown;
mod software;
mod storm;
mod table;
mod uploads;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    bodies::{body_of_get, chunked_length, declared_length, lying_length},
    codings::{doubled_codings, fitting_bomb},
    malformed::{malformed, told_of_malformed},
    nesting::deep_json,
    odd::{fields_of_debuggers, headers_of_odd, ids_of_odd, odd_queries, versions},
    packed::zip_bomb,
    panics::{panic, panic_in_body},
    promised::promised_length,
    ranges::many_ranges,
    shown::shown_to_browsers,
    software::error_bodies,
    storm::panic_after_panic,
    uploads::aborted_uploads,
};

pub(crate) async fn deadline(context: &Context) -> Finding {
    let limit = context.profile.limits.request_seconds();
    limit.judge(ends_within(context, Duration::from_secs_f64(limit.value)).await)
}

async fn ends_within(context: &Context, limit: Duration) -> Finding {
    if limit + Duration::from_secs(3) > context.intensity.patience() {
        return Err(Failure::not_tested(format!(
            "the deadline is {} s (limits.request_seconds)",
            limit.as_secs()
        )));
    }
    let request = context.get(&slow_path(
        route(&context.profile.routes.slow)?,
        too_slow(context),
    ));
    let began = Instant::now();
    let mut client = Client::connect(context, context.fresh(), false).await?;
    let response = tokio::time::timeout(
        limit + Duration::from_secs(1),
        client.start(context, &request),
    )
    .await;
    let took = began.elapsed().as_millis();
    match response {
        Ok(Ok(response)) if matches!(response.status().as_u16(), 503 | 504) => {
            Ok(format!("{} after {took} ms", response.status().as_u16()))
        }
        Ok(Ok(response)) => Err(request.breach(
            context,
            &Default::default(),
            format!("{} after {took} ms", response.status()),
        )),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(request.breach(
            context,
            &Default::default(),
            format!(
                "no answer after {took} ms; the deadline is {} ms",
                limit.as_millis()
            ),
        )),
    }
}

pub(crate) async fn client_gone(context: &Context) -> Finding {
    let before = in_flight(context).await?;
    let request = context.get(&slow_path(route(&context.profile.routes.slow)?, 60_000));
    for _ in 0..20 {
        let mut raw = context.raw().await?;
        raw.send(head(context, &request)).await?;
        raw.read(Duration::from_millis(20)).await;
    }
    let ends = Instant::now() + Duration::from_secs(1);
    let mut after = in_flight(context).await?;
    while after > before && Instant::now() < ends {
        sleep(Duration::from_millis(100)).await;
        after = in_flight(context).await?;
    }
    if after <= before {
        Ok("20 clients gone, none left in flight".to_owned())
    } else {
        let metrics = context.get(route(&context.profile.routes.metrics)?);
        let answer = context.send(&metrics).await?;
        Err(metrics.breach(
            context,
            &answer,
            format!(
                "{} requests more in flight after their clients went",
                after - before
            ),
        ))
    }
}

/// The gauge of requests in flight, over all its series.
async fn in_flight(context: &Context) -> Result<i64, Failure> {
    let answer = context
        .send(&context.get(route(&context.profile.routes.metrics)?))
        .await?;
    let text = answer.text();
    let values = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("active_requests"));
    let values: Vec<_> = values
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .collect();
    if values.is_empty() {
        Err(Failure::not_tested(
            "the metrics have no gauge of active requests",
        ))
    } else {
        Ok(values.iter().sum::<f64>() as i64)
    }
}

pub(crate) async fn no_body(context: &Context) -> Finding {
    let protected = context.profile.routes.protected.as_deref();
    for path in [Some("/siege-unknown"), protected, Some(context.control())]
        .into_iter()
        .flatten()
    {
        let mut raw = context.raw().await?.head_only();
        raw.send(head(context, &Request::new("HEAD", path))).await?;
        raw.read_answers().await;
        let seen = raw.into_seen();
        if head_of(&seen.received).len() < seen.received.len() {
            return Err(seen.breach("HEAD is answered with a body"));
        }
    }
    Ok("heads only".to_owned())
}

pub(crate) async fn headers_on_errors(context: &Context) -> Finding {
    let kinds = all(context).await?;
    let errors: Vec<_> = kinds.iter().filter(|kind| kind.is_error()).collect();
    let good = kinds.iter().find(|kind| !kind.is_error());
    let of = good.or_else(|| {
        errors
            .iter()
            .copied()
            .max_by_key(|kind| security(&kind.answer).len())
    });
    let expected = of.map(|kind| security(&kind.answer)).unwrap_or_default();
    if expected.is_empty() {
        return Err(Failure::not_tested("needs security headers, see K01"));
    }
    for kind in &errors {
        let missing: Vec<_> = expected
            .iter()
            .filter(|name| !kind.answer.has(name))
            .copied()
            .collect();
        let missing = (!missing.is_empty()).then(|| missing.join(", "));
        kind.flawless(context, missing.map(|names| format!("without {names}")))?;
    }
    Ok(format!("on {} kinds of errors", errors.len()))
}

/// The security headers that an answer has. Which of them it should have is for K01 to say.
fn security(answer: &Answer) -> Vec<&'static str> {
    let all = super::headers::SECURITY.iter().copied();
    all.filter(|name| answer.has(name)).collect()
}

/// A request's head, as bytes.
pub(crate) fn head(context: &Context, request: &Request) -> Vec<u8> {
    let host = context.target.authority();
    let mut all = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        request.method, request.path
    )
    .into_bytes();
    for (name, value) in &request.headers {
        all.extend_from_slice(format!("{name}: ").as_bytes());
        all.extend_from_slice(value);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"\r\n");
    all
}

fn block(context: &Context, request: &Request, length: Option<u64>) -> Vec<u8> {
    let length = length.map(|length| length.to_string());
    let mut fields: Vec<(&str, &[u8])> = vec![
        (":method", request.method.as_bytes()),
        (":scheme", b"http"),
        (":authority", context.target.authority().as_bytes()),
        (":path", request.path.as_bytes()),
    ];
    fields.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice())),
    );
    if let Some(length) = &length {
        fields.push(("content-length", length.as_bytes()));
    }
    encode(&fields)
}

/// What an error's body never says, in lower case.
pub(crate) const LEAKS: &[&str] = &[
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
    ".js:",
    "goroutine ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_that_are_there_are_looked_for_on_errors() {
        let mut answer = Answer::default();
        assert!(security(&answer).is_empty());

        let nosniff = http::HeaderValue::from_static("nosniff");
        answer.headers.insert("x-content-type-options", nosniff);
        assert_eq!(security(&answer), ["x-content-type-options"]);
    }
}
