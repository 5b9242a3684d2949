//! What a right signature does not make good: claims.

use serde_json::json;

use super::Bearer;
use crate::{
    Level, Severity,
    context::Context,
    signing::{Forge, now, with},
    verdict::{Failure, Finding},
};

pub(crate) async fn dates(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let (forge, now) = (bearer.forge, now());
    for (what, token) in [
        (
            "a token that expired an hour ago",
            forge.with_claim("exp", now - HOUR),
        ),
        ("a token that expired in 1970", forge.with_claim("exp", 0)),
        (
            "a token that is not good for another hour (nbf)",
            forge.with_claim("nbf", now + HOUR),
        ),
    ] {
        bearer.refuses(what, &token).await?;
    }
    let endless = forge.without_claim("exp");
    let endless = bearer.refuses("a token without exp", &endless).await;
    let why = "RFC 7519 4.1.4: exp is optional";
    endless.map_err(|failure| failure.at_most(Level::Should, why).costs(Severity::Medium))?;
    let early = forge.with_claim("iat", now + 24 * HOUR);
    let what = "a token that is issued in a day (iat)";
    let early = bearer.refuses(what, &early).await;
    let why = "RFC 7519 4.1.6 has no rule for it";
    early.map_err(|failure| failure.at_most(Level::Opinion, why).costs(Severity::Low))?;
    Ok("expired, endless and not yet good: 401".to_owned())
}

pub(crate) async fn mistyped_dates(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let (past, future) = (now() - HOUR, now() + HOUR);
    let common = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\"never\"",
        "-1",
        "1e400",
        "1e300",
        "99999999999999999999999999",
    ];
    let common = common.map(str::to_owned);
    let of_expiry = [
        format!("\"{past}\""),
        format!("\"{future}\""),
        format!("[{future}]"),
        format!("{{\"$date\":{future}}}"),
        format!("-{future}"),
        format!("{past}.5"),
    ];
    let mut count = 0;
    for raw in common.iter().chain(&of_expiry) {
        let token = bearer.forge.with_raw_claim("exp", raw);
        bearer.refuses(&format!("exp is {raw}"), &token).await?;
        count += 1;
    }
    // A number that is not above the date is no wrong one of nbf: it is long past.
    let of_beginning = [
        format!("\"{future}\""),
        format!("[{future}]"),
        format!("{future}.5"),
    ];
    let common = common.iter().filter(|raw| *raw != "-1");
    for raw in common.chain(&of_beginning) {
        let token = bearer.forge.with_raw_claim("nbf", raw);
        bearer.refuses(&format!("nbf is {raw}"), &token).await?;
        count += 1;
    }
    Ok(format!("{count} wrong dates: 401"))
}

pub(crate) async fn parties(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    let audience = &forge.tokens.audience;
    let tokens = [issuers(forge), audiences(forge)].concat();
    for (what, token) in &tokens {
        bearer.refuses(what, token).await?;
    }
    for kind in OTHER_KINDS {
        let token = forge.with_header("typ", kind);
        let other = bearer.refuses("a typ that is for something else", &token);
        let why = "RFC 8725 3.11 recommends it";
        let other = other.await;
        other.map_err(|failure| failure.at_most(Level::Should, why).costs(Severity::Medium))?;
    }
    let several = with(forge.claims(), "aud", json!([audience, "siege-other"]));
    let several = bearer.send(&forge.token(&forge.header(), &several)).await?;
    let array = match several.status {
        200..=299 => "an array with the right aud is served",
        401 => "an array with the right aud is refused too",
        _ => {
            return Err(Failure::unclear(
                "an array of audiences is neither served nor refused",
            ));
        }
    };
    let count = tokens.len() + OTHER_KINDS.len();
    Ok(format!("{count} tokens refused; {array}"))
}

type Tokens = Vec<(&'static str, String)>;

fn issuers(forge: &Forge) -> Tokens {
    let issuer = &forge.tokens.issuer;
    vec![
        ("no iss", forge.without_claim("iss")),
        (
            "another iss",
            forge.with_claim("iss", "https://evil.example"),
        ),
        (
            "iss and a slash",
            forge.with_claim("iss", format!("{issuer}/")),
        ),
        (
            "iss and more",
            forge.with_claim("iss", format!("{issuer}.evil.example")),
        ),
        ("iss in an array", forge.with_claim("iss", json!([issuer]))),
    ]
}

fn audiences(forge: &Forge) -> Tokens {
    let audience = &forge.tokens.audience;
    vec![
        ("no aud", forge.without_claim("aud")),
        ("another aud", forge.with_claim("aud", "siege-other")),
        (
            "aud and more",
            forge.with_claim("aud", format!("{audience}-other")),
        ),
        (
            "more and aud",
            forge.with_claim("aud", format!("other-{audience}")),
        ),
        (
            "aud in a longer text",
            forge.with_claim("aud", format!("other {audience}")),
        ),
        ("no aud in an array", forge.with_claim("aud", json!([]))),
        (
            "other auds in an array",
            forge.with_claim("aud", json!(["siege-other", "siege"])),
        ),
        ("an aud that is a number", forge.with_claim("aud", 1)),
        (
            "an aud that is an object",
            forge.with_claim("aud", json!({ audience: true })),
        ),
        ("an aud that is null", forge.with_claim("aud", json!(null))),
    ]
}

const HOUR: u64 = 3600;
const OTHER_KINDS: [&str; 3] = ["logout+jwt", "secevent+jwt", "dpop+jwt"];
