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
    if !known.is_good() {
        let status = known.status;
        return Err(Failure::not_tested(format!(
            "{path} answers {status} to the valid key"
        )));
    }
    let unknown = format!("siege_{:016x}", rand::random::<u64>());
    let tries = [
        ("without a key", Request::get(path)),
        (
            "with a key that nobody has",
            Request::get(path).with_key(context, unknown),
        ),
    ];
    for (how, request) in tries {
        let answer = context.send(&request).await?;
        if answer.is_good() && !answer.body.is_empty() {
            let what = format!("the metrics are open to anybody, {how}");
            let evidence = request.evidence(context, &answer, what);
            // Only what the profile calls protected is promised to be.
            let is_promised = context.profile.routes.protected.as_deref() == Some(path);
            let level = if is_promised {
                Level::Must
            } else {
                Level::Should
            };
            return Err(evidence.at_most(level).into());
        }
    }
    Ok("not without a valid key".to_owned())
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
