//! CORS.

use crate::{
    context::Context,
    verdict::Finding,
    wire::{Answer, Request},
};

pub(crate) async fn foreign_origins(context: &Context) -> Finding {
    let good = context.profile.cors.origins.first();
    let good = good.map_or("https://good.com", String::as_str);
    let foreign = lookalikes(good);
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
                let answer = context.send(&request).await?;
                if allows(&answer, origin) {
                    let what = format!("the origin {origin} may read this");
                    return Err(request.breach(context, &answer, what));
                }
            }
        }
        let two = context.get(path).header("origin", good);
        let two = two.header("origin", "https://evil.com");
        let answer = context.send(&two).await?;
        if answer.has("access-control-allow-origin")
            && answer.header("access-control-allow-origin") != "*"
        {
            return Err(two.breach(context, &answer, "two origins, and one is believed"));
        }
    }
    Ok(format!("{} origins refused", foreign.len()))
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
    for origin in [Some(good.as_str()), Some("https://evil.com"), None] {
        let request = context.get(path);
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        let answer = context.send(&request).await?;
        let allowed = answer.header("access-control-allow-origin");
        let varies = answer.headers.get_all("vary").iter().any(|value| {
            let value = value.to_str().unwrap_or("").to_ascii_lowercase();
            value
                .split(',')
                .any(|name| matches!(name.trim(), "origin" | "*"))
        });
        let credentials = answer.header("access-control-allow-credentials");
        let what = if allowed == "*" && credentials == "true" {
            Some("credentials with *")
        } else if origin == Some(good.as_str()) && allowed != good && allowed != "*" {
            Some("a good origin may not read this")
        } else if !varies && allowed != "*" {
            Some("no Vary: Origin")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(request.breach(context, &answer, what));
        }
    }
    Ok("Vary: Origin for good, foreign and no origins".to_owned())
}

pub(crate) async fn preflight(context: &Context) -> Finding {
    let path = path(context);
    let request = |origin: &str| Request::new("OPTIONS", path).header("origin", origin);
    let good = &context.profile.cors.origins[0];
    let fine = request(good).header("access-control-request-method", "GET");
    let answer = context.send(&fine).await?;
    if !answer.is_good()
        || answer.header("access-control-allow-origin") != good
        || !answer.has("access-control-allow-methods")
    {
        return Err(fine.breach(
            context,
            &answer,
            "the preflight of a good origin is refused",
        ));
    }
    let odd = request(good)
        .header("access-control-request-method", "SIEGE")
        .header("access-control-request-headers", "x-siege-evil");
    let answer = context.send(&odd).await?;
    if answer.mentions("SIEGE") || answer.mentions("x-siege-evil") {
        return Err(odd.breach(context, &answer, "methods or headers are mirrored"));
    }
    let foreign = request("https://evil.com").header("access-control-request-method", "GET");
    let answer = context.send(&foreign).await?;
    let has_cors = answer
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"));
    if answer.status != 403 || has_cors {
        return Err(foreign.breach(
            context,
            &answer,
            "a foreign preflight: 403 without CORS fields was expected",
        ));
    }
    let private = fine.header("access-control-request-private-network", "true");
    let answer = context.send(&private).await?;
    if answer.has("access-control-allow-private-network") {
        Err(private.breach(context, &answer, "a private network is opened"))
    } else {
        Ok("good: allowed without a key; foreign: 403".to_owned())
    }
}
