//! What is for the owner alone, and who may see it: the metrics, debugging pages, files beside the code.

use crate::{
    Level,
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::Request,
};

pub(crate) async fn metrics_open(context: &Context) -> Finding {
    let path = route(&context.profile.routes.metrics)?;
    let known = context.send(&context.get(path)).await?;
    let plain = Request::get(path);
    let without = context.send(&plain).await?;
    let is_there = known.is_good() || matches!(without.status, 200 | 401 | 403);
    if !is_there {
        let status = known.status;
        return Err(Failure::not_tested(format!(
            "{path} answers {status} to the valid key"
        )));
    }
    if without.is_good() && !without.body.is_empty() {
        let what = "the metrics are open to anybody, without a key";
        let evidence = plain.evidence(context, &without, what);
        // Only what the profile calls protected is promised to be.
        let is_promised = context.profile.routes.protected.as_deref() == Some(path);
        let why = "the profile does not call them protected";
        let breach = Failure::from(evidence);
        return Err(if is_promised {
            breach
        } else {
            breach.at_most(Level::Should, why)
        });
    }
    for (how, request) in of_nobody(context, path) {
        let answer = context.expect(&request).await?;
        let is_open = answer.is_good() && !answer.body.is_empty();
        let what = format!("the metrics are open to anybody, with {how} that nobody has");
        answer.holds(!is_open, what)?;
    }
    Ok("not without a valid key".to_owned())
}

/// Credentials of every kind, which no server knows.
fn of_nobody(context: &Context, path: &str) -> [(&'static str, Request); 3] {
    let key = format!("siege_{:016x}", rand::random::<u64>());
    let plain = || Request::get(path);
    [
        ("a key", plain().with_key(context, &key)),
        (
            "a token",
            plain().header("authorization", format!("Bearer {key}")),
        ),
        // siege:siege
        (
            "a password",
            plain().header("authorization", "Basic c2llZ2U6c2llZ2U="),
        ),
    ]
}

pub(crate) async fn debug_pages(context: &Context) -> Finding {
    for (path, signs) in PAGES {
        let request = Request::get(path);
        let answer = context.send(&request).await?;
        // Many servers answer 200 for whatever they don't know.
        let sign = signs.iter().find(|sign| answer.mentions(sign));
        if let Some(sign) = sign.filter(|_| answer.is_good()) {
            // What else stands there may be a secret of the server's: no report has it.
            return Err(Evidence::new(format!("{path} is open to anybody"))
                .sent(format!("GET {path}"))
                .received(format!("{}, with `{sign}` in its body", answer.status))
                .repeat(request.curl(context))
                .into());
        }
    }
    Ok(format!("{} paths, none of them open", PAGES.len()))
}

/// Paths, and what stands in the answer where they are what their name says.
const PAGES: [(&str, &[&str]); 14] = [
    (
        "/debug/pprof/",
        &["full goroutine stack dump", "Types of profiles available"],
    ),
    ("/debug/vars", &["\"memstats\"", "\"cmdline\""]),
    ("/actuator", &["\"_links\""]),
    ("/actuator/env", &["\"propertySources\""]),
    ("/env", &["\"propertySources\""]),
    ("/server-status", &["Apache Server Status"]),
    ("/nginx_status", &["Active connections:"]),
    ("/phpinfo.php", &["phpinfo()"]),
    ("/console", &["Werkzeug"]),
    ("/_profiler", &["Symfony Profiler"]),
    (
        "/.env",
        &["SECRET=", "PASSWORD=", "_KEY=", "_TOKEN=", "_URL="],
    ),
    ("/.git/config", &["[core]"]),
    ("/.git/HEAD", &["ref: refs/"]),
    ("/.npmrc", &["_authToken="]),
];
