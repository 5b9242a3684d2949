//! What a token is made of: two JSON objects and a signature, each written in the one right way.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Bearer;
use crate::{
    Level, Severity,
    context::Context,
    signing::{Forge, encoded, now, text, with},
    verdict::{Evidence, Failure, Finding},
};

pub(crate) async fn critical(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    for value in [
        json!(["siege"]),
        json!(["exp"]),
        json!(["alg"]),
        json!(["b64"]),
        json!([]),
        json!("siege"),
        json!({}),
    ] {
        let header = with(forge.header(), "crit", value.clone());
        let header = with(header, "siege", true);
        let token = forge.token(&header, &forge.claims());
        bearer.refuses(&format!("crit is {value}"), &token).await?;
    }
    let header = with(forge.header(), "crit", json!(["b64"]));
    let unencoded = forge.token(&with(header, "b64", false), &forge.claims());
    bearer
        .refuses("crit names b64, which is there", &unencoded)
        .await?;
    Ok("8 headers refused".to_owned())
}

/// A server refuses members that are there twice, or takes the last of them (RFC 7515 4, RFC 7519 4).
pub(crate) async fn duplicates(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let (wrong, right) = (wrong_at_last(bearer.forge), right_at_last(bearer.forge));
    for token in &wrong {
        let what = "a member twice, and the last one is wrong";
        bearer.refuses(what, token).await?;
    }
    for token in &right {
        let refused = bearer.refuses("a member twice", token).await;
        let why = "RFC 7519 4 lets a server take the last";
        refused.map_err(|failure| failure.at_most(Level::Opinion, why).costs(Severity::Low))?;
    }
    Ok(format!("{} tokens refused", wrong.len() + right.len()))
}

/// Who serves one of these has taken the first.
fn wrong_at_last(forge: &Forge) -> Vec<String> {
    let (header, claims) = (text(&forge.header()), text(&forge.claims()));
    let past = now() - 3600;
    let mut all = vec![forge.signed(&twice(&header, "", ",\"alg\":\"none\""), &claims)];
    for last in [
        format!(",\"exp\":{past}"),
        ",\"aud\":\"siege-other\"".to_owned(),
    ] {
        all.push(forge.signed(&header, &twice(&claims, "", &last)));
    }
    all
}

fn right_at_last(forge: &Forge) -> Vec<String> {
    let (header, claims) = (text(&forge.header()), text(&forge.claims()));
    let (past, future) = (now() - 3600, now() + 3600);
    let audience = json!(forge.tokens.audience);
    let headers = [("\"alg\":\"none\",", ""), ("\"siege\":1,", ",\"siege\":2")];
    let headers = headers.map(|(first, last)| forge.signed(&twice(&header, first, last), &claims));
    let bodies = [
        (format!("\"exp\":{past},"), String::new()),
        (String::new(), format!(",\"exp\":{future}")),
        (String::new(), format!(",\"\\u0065xp\":{future}")),
        ("\"sub\":\"somebody-else\",".to_owned(), String::new()),
        (String::new(), ",\"sub\":\"somebody-else\"".to_owned()),
        ("\"aud\":\"siege-other\",".to_owned(), String::new()),
        (String::new(), format!(",\"aud\":{audience}")),
        ("\"siege\":1,".to_owned(), ",\"siege\":2".to_owned()),
    ];
    let bodies = bodies.map(|(first, last)| forge.signed(&header, &twice(&claims, &first, &last)));
    headers.into_iter().chain(bodies).collect()
}

/// A JSON object, with something in front of its members and behind them.
fn twice(object: &str, first: &str, last: &str) -> String {
    let inner = &object[1..object.len() - 1];
    format!("{{{first}{inner}{last}}}")
}

pub(crate) async fn malformed(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let tokens = shapes(&bearer);
    for (what, token) in &tokens {
        bearer.refuses_with(&[400, 401], what, token).await?;
    }
    // Deep JSON is no wrong one: it only must not bring a reader down.
    let claims = text(&bearer.forge.claims());
    let (open, close) = ("[".repeat(1500), "]".repeat(1500));
    let claims = format!("{{\"siege\":{open}{close},{}", &claims[1..]);
    let token = bearer.forge.signed(&text(&bearer.forge.header()), &claims);
    let allowed = [200, 204, 400, 401];
    bearer
        .refuses_with(&allowed, "claims 1,500 deep", &token)
        .await?;
    monstrous(&bearer).await?;
    let twiddled = twiddled(&bearer.forge.right());
    let what = "a signature with its last bits changed";
    let refused = bearer.refuses_with(&[400, 401], what, &twiddled).await;
    let why = "RFC 4648 3.5: a decoder may refuse it";
    refused.map_err(|failure| failure.at_most(Level::Opinion, why).costs(Severity::Low))?;
    Ok(format!("{} shapes and 1 MB refused", tokens.len() + 1))
}

fn shapes(bearer: &Bearer<'_>) -> Vec<Shape> {
    let right = bearer.forge.right();
    let parts: Vec<&str> = right.split('.').collect();
    let [head, body, signature] = parts[..] else {
        return Vec::new();
    };
    let mut all = other_parts(&right, [head, body, signature]);
    all.extend(other_texts(&right, [head, body, signature]));
    all.extend(other_json(bearer.forge));
    all
}

/// What is wrong with a token, and the token.
type Shape = (&'static str, String);

fn other_parts(right: &str, [head, body, signature]: [&str; 3]) -> Vec<Shape> {
    vec![
        ("an empty token", String::new()),
        ("a token of dots", "..".to_owned()),
        ("a token of 1 part", head.to_owned()),
        ("a token of 2 parts", format!("{head}.{body}")),
        ("a token of 4 parts", format!("{right}.{signature}")),
        (
            "a token of 5 parts",
            format!("{head}.{body}.{signature}.{body}.{signature}"),
        ),
        ("a token with a dot at its end", format!("{right}.")),
        ("a token with a dot at its beginning", format!(".{right}")),
        ("no claims", format!("{head}..{signature}")),
        (
            "bytes that are no text",
            format!("{head}.{}.{signature}", encoded([0xff, 0xfe])),
        ),
    ]
}

fn other_texts(right: &str, [head, body, signature]: [&str; 3]) -> Vec<Shape> {
    let standard = signature.replace('-', "+").replace('_', "/");
    vec![
        ("a signature with padding", format!("{right}=")),
        ("a signature with more padding", format!("{right}==")),
        (
            "a header with padding",
            format!("{head}=.{body}.{signature}"),
        ),
        (
            "white space in a token",
            format!("{head}. {body}.{signature}"),
        ),
        ("a tab in a token", format!("{head}.{body}\t.{signature}")),
        ("something behind a token", format!("{right} x")),
        ("a comma behind a token", format!("{right},")),
        ("a token in quotes", format!("\"{right}\"")),
        (
            "another alphabet of base64",
            format!("{head}.{body}.+/{standard}"),
        ),
        ("percent-encoding", right.replace('.', "%2e")),
    ]
}

fn other_json(forge: &Forge) -> Vec<Shape> {
    let (header, claims) = (text(&forge.header()), text(&forge.claims()));
    let deep = format!("{{\"siege\":{}{}", "[".repeat(2000), &claims[1..]);
    vec![
        ("a header that is no JSON", forge.signed("alg", &claims)),
        (
            "a header that is an array",
            forge.signed(&format!("[{header}]"), &claims),
        ),
        ("claims that are no JSON", forge.signed(&header, "sub")),
        (
            "claims that are an array",
            forge.signed(&header, &format!("[{claims}]")),
        ),
        (
            "claims that are text",
            forge.signed(&header, &json!(claims).to_string()),
        ),
        (
            "something behind the claims",
            forge.signed(&header, &format!("{claims}{{}}")),
        ),
        ("claims that never end", forge.signed(&header, &deep)),
    ]
}

/// The same signature, written in another way: the last character has bits that are not used.
fn twiddled(token: &str) -> String {
    let (start, last) = token.split_at(token.len() - 1);
    let at = ALPHABET.find(last).unwrap_or_default();
    let other = ALPHABET.get(at ^ 1..=at ^ 1).unwrap_or("A");
    format!("{start}{other}")
}

/// A token of a megabyte is refused, and as fast as others.
async fn monstrous(bearer: &Bearer<'_>) -> Result<(), Failure> {
    let (context, forge) = (bearer.context, bearer.forge);
    let claims = with(forge.claims(), "siege", "s".repeat(750_000));
    let token = forge.token(&forge.header(), &claims);
    for token in [
        token,
        format!("{}.e30.e30", "e".repeat(1 << 20)),
        ".".repeat(1 << 20),
    ] {
        context.remember(&token);
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            forge.tokens.route,
            context.target.authority()
        );
        let began = Instant::now();
        let mut raw = context.raw().await?;
        context.budget.request()?;
        raw.send(head).await?;
        let status = raw.status(Duration::from_secs(4)).await;
        let (took, closed) = (began.elapsed(), raw.is_closed());
        let refused = matches!(status, Some(400 | 401 | 413 | 431)) || status.is_none() && closed;
        if !refused || took > AT_ONCE {
            let status = status.map_or("no answer".to_owned(), |status| status.to_string());
            let what = format!("a token of a megabyte: {status} after {took:.1?}");
            let evidence = Evidence::new(what).received(&raw.seen().received);
            return Err(evidence.into());
        }
    }
    Ok(())
}

/// As base64url has it.
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Long for a machine under siege.
const AT_ONCE: Duration = Duration::from_secs(1);
