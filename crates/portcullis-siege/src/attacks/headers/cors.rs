//! CORS.

use super::all;
use crate::{
    Level, Severity,
    attacks::expect::expect,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn foreign_origins(context: &Context) -> Finding {
    let good = context.profile.cors.origins.first();
    let mut foreign = Vec::from(lookalikes(good.map_or("https://good.com", String::as_str)));
    // Where origins are promised, these are none of them.
    foreign.extend(good.into_iter().flat_map(|good| neighbours(good)));
    let promised = &context.profile.cors.origins;
    foreign.retain(|origin| !promised.contains(origin));
    let good = good.map_or("https://good.com", String::as_str);
    let paths = [
        Some(context.control()),
        context.profile.routes.protected.as_deref(),
    ];
    for path in paths.into_iter().flatten() {
        for origin in &foreign {
            let plain = context.get(path).header("origin", origin);
            let preflight = Request::new("OPTIONS", path)
                .header("origin", origin)
                .header("access-control-request-method", "GET");
            for request in [plain, preflight] {
                let answer = context.expect(&request).await?;
                let what = format!("the origin {origin} may read this");
                let held = answer.holds(!allows(&answer, origin), what);
                held.map_err(|failure| less_for_all(context, &answer, failure))?;
            }
        }
        let two = context.get(path).header("origin", good);
        let two = two.header("origin", "https://evil.com");
        let answer = context.expect(&two).await?;
        let is_foreign = allows(&answer, "https://evil.com");
        let held = answer.holds(!is_foreign, "two origins, and the foreign one is believed");
        held.map_err(|failure| less_for_all(context, &answer, failure))?;
    }
    Ok(format!("{} origins refused", foreign.len()))
}

/// Without credentials a mirrored origin is as good as `*`, where nobody promised a list.
fn less_for_all(context: &Context, answer: &Answer, failure: Failure) -> Failure {
    let is_promised = !context.profile.cors.origins.is_empty();
    if is_promised || answer.has("access-control-allow-credentials") {
        return failure;
    }
    failure
        .at_most(Level::Should, "without credentials, as * is")
        .costs(Severity::Medium)
}

/// Origins that are not this one, and look like it to a careless comparison.
fn lookalikes(good: &str) -> [String; 9] {
    let host = good.split_once("://").map_or(good, |(_, host)| host);
    [
        "https://evil.com".to_owned(),
        format!("{good}.evil.com"),
        format!("https://evil{host}"),
        format!("http://{host}"),
        format!("{good}:8443"),
        "null".to_owned(),
        good.to_ascii_uppercase(),
        format!("{good}."),
        format!("{good}%60.evil"),
    ]
}

/// Origins that a developer may want, and that nobody promised: below a good one, and on the own machine.
fn neighbours(good: &str) -> [String; 3] {
    let host = good.split_once("://").map_or(good, |(_, host)| host);
    [
        format!("https://siege.{host}"),
        "http://localhost".to_owned(),
        "http://localhost:3000".to_owned(),
    ]
}

/// What browsers would read: the protected route, or else any.
fn path(context: &Context) -> &str {
    let protected = context.profile.routes.protected.as_deref();
    protected.unwrap_or(context.control())
}

/// `*` without credentials is for everybody, and said so.
fn allows(answer: &Answer, origin: &str) -> bool {
    let allowed = answer.header("access-control-allow-origin");
    allowed == origin || allowed == "*" && answer.has("access-control-allow-credentials")
}

pub(crate) async fn credentials_and_vary(context: &Context) -> Finding {
    let path = path(context);
    let good = &context.profile.cors.origins[0];
    let mut answers = Vec::new();
    for origin in [Some(good.as_str()), Some("https://evil.com"), None] {
        let request = context.get(path);
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        let answer = context.send(&request).await?;
        answers.push((request, answer));
    }
    let (request, answer) = &answers[0];
    let allowed = answer.header(ALLOWED);
    let is_read = allowed == good || allowed == "*";
    expect(context, request, answer).holds(is_read, "a good origin may not read this")?;
    let preflight = Request::new("OPTIONS", path)
        .header("origin", good)
        .header("access-control-request-method", "GET");
    let answer = context.send(&preflight).await?;
    answers.push((preflight, answer));
    for (request, answer) in &answers {
        // A browser then lets nobody read.
        let fine = !gives_everyone_credentials(answer);
        expect(context, request, answer)
            .holds(fine, "credentials with *")
            .map_err(|failure| failure.at_most(Level::Should, "no browser takes it"))?;
    }
    let vary = vary(context, &answers[..3]).await;
    let why = "RFC 9110 12.5.5: SHOULD";
    vary.map_err(|failure| failure.at_most(Level::Should, why))
}

/// Who tells all origins the same needs no `Vary` (Fetch, CORS protocol and HTTP caches).
async fn vary(context: &Context, answers: &[(Request, Answer)]) -> Finding {
    if let Some(allowed) = the_same_for_all(answers) {
        return Ok(format!("{allowed} for every origin: nothing varies"));
    }
    for (request, answer) in answers {
        expect(context, request, answer).holds(varies(answer), "no Vary: Origin")?;
    }
    // An answer without CORS fields is as good as one with them in a cache.
    let kinds = all(context).await?;
    match kinds.iter().find(|kind| !varies(&kind.answer)) {
        Some(kind) => Err(kind.breach(context, "no Vary: Origin")),
        None => Ok(format!(
            "Vary: Origin for good, foreign and no origins, on {} kinds of answers",
            kinds.len()
        )),
    }
}

/// The origin that every answer allows, whoever reads it.
fn the_same_for_all(answers: &[(Request, Answer)]) -> Option<&str> {
    let mut allowed = answers.iter().map(|(_, answer)| answer.header(ALLOWED));
    let first = allowed.next().filter(|first| !first.is_empty())?;
    allowed.all(|other| other == first).then_some(first)
}

fn varies(answer: &Answer) -> bool {
    answer.headers.get_all("vary").iter().any(|value| {
        let value = value.to_str().unwrap_or("").to_ascii_lowercase();
        let mut names = value.split(',').map(str::trim);
        names.any(|name| matches!(name, "origin" | "*"))
    })
}

fn gives_everyone_credentials(answer: &Answer) -> bool {
    answer.header("access-control-allow-origin") == "*"
        && answer.header("access-control-allow-credentials") == "true"
}

pub(crate) async fn preflight(context: &Context) -> Finding {
    let path = path(context);
    let request = |origin: &str| Request::new("OPTIONS", path).header("origin", origin);
    let good = &context.profile.cors.origins[0];
    let fine = request(good).header("access-control-request-method", "GET");
    let answer = context.expect(&fine).await?;
    let plain = context.get(path).header("origin", good);
    if !speaks_cors(&answer) && !speaks_cors(&context.send(&plain).await?) {
        return Err(Failure::not_tested("needs CORS, see K07"));
    }
    // GET needs no list of methods (Fetch, CORS-preflight).
    let allowed = answer.header(ALLOWED);
    let is_allowed = answer.is_good() && (allowed == good || allowed == "*");
    answer.holds(is_allowed, "the preflight of a good origin is refused")?;
    let exact = lists_are_exact(context, path, good).await;
    exact.map_err(|failure| failure.at_most(Level::Should, "for the good origin only"))?;
    let foreign = request("https://evil.com").header("access-control-request-method", "GET");
    let answer = context.expect(&foreign).await?;
    answer.holds(
        !allows(&answer, "https://evil.com"),
        "a foreign preflight is allowed",
    )?;
    // Fetch reads the fields, not the status.
    let refusal = answer.holds(
        answer.status == 403 && !speaks_cors(&answer),
        "a foreign preflight: 403 without CORS fields was expected",
    );
    refusal.map_err(|failure| failure.at_most(Level::Opinion, "it is not allowed"))?;
    let private = fine
        .clone()
        .header("access-control-request-private-network", "true");
    let answer = context.expect(&private).await?;
    let is_opened = answer.has("access-control-allow-private-network");
    let shut = answer.holds(!is_opened, "a private network is opened");
    shut.map_err(|failure| failure.at_most(Level::Should, "for the good origin only"))?;
    Ok("good: allowed without a key; foreign: 403".to_owned())
}

/// Where no answer has a field of CORS, that is one breach: K07's.
fn speaks_cors(answer: &Answer) -> bool {
    let mut names = answer.headers.keys();
    names.any(|name| name.as_str().starts_with("access-control-"))
}

/// What is not in a list is not allowed, whatever was wanted.
async fn lists_are_exact(context: &Context, path: &str, good: &str) -> Result<(), Failure> {
    let wanted = |method: &str| {
        let request = Request::new("OPTIONS", path).header("origin", good);
        request.header("access-control-request-method", method)
    };
    let header = wanted("GET").header("access-control-request-headers", "x-siege-evil");
    for (request, list, odd) in [
        (wanted("SIEGE"), "access-control-allow-methods", "SIEGE"),
        (header, "access-control-allow-headers", "x-siege-evil"),
    ] {
        let answer = context.expect(&request).await?;
        answer.holds(!answer.mentions(odd), "methods or headers are mirrored")?;
        // Without credentials `*` is everything.
        let is_everything = answer.is_good() && answer.header(list) == "*";
        let what = format!("{list} is *: nothing is in no list");
        answer.holds(!is_everything, what)?;
    }
    Ok(())
}

const ALLOWED: &str = "access-control-allow-origin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_origin_for_all_does_not_vary() {
        let told = |origins: [&'static str; 3]| {
            origins.map(|origin| {
                let mut answer = Answer::default();
                let value = http::HeaderValue::from_static(origin);
                if !origin.is_empty() {
                    answer.headers.insert(ALLOWED, value);
                }
                (Request::get("/"), answer)
            })
        };
        let (good, evil) = ("https://good.com", "https://evil.com");

        assert_eq!(the_same_for_all(&told([good; 3])), Some(good));
        assert_eq!(the_same_for_all(&told(["*"; 3])), Some("*"));
        for others in [[good, evil, good], [good, "", ""], [""; 3]] {
            assert_eq!(the_same_for_all(&told(others)), None, "{others:?}");
        }
    }

    #[test]
    fn of_two_origins_the_good_one_may_be_believed() {
        let answer = |allowed: &'static str| {
            let mut answer = Answer::default();
            let value = http::HeaderValue::from_static(allowed);
            answer.headers.insert("access-control-allow-origin", value);
            answer
        };

        assert!(allows(&answer("https://evil.com"), "https://evil.com"));
        for fine in ["https://good.com", "*"] {
            assert!(!allows(&answer(fine), "https://evil.com"), "{fine}");
        }
        assert!(!allows(&Answer::default(), "https://evil.com"));
        assert!(speaks_cors(&answer("*")) && !speaks_cors(&Answer::default()));
    }
}
