//! The right key, in other places and other forms than the promised one.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    door::Door,
    form::{credential, in_query},
    key, protected,
};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

/// What stands in a query stands in logs, histories and referrers.
pub(crate) async fn other_parameters(context: &Context) -> Finding {
    let (path, key) = (protected(context)?, key(context)?);
    let door = Door::find(context).await?;
    let and = if path.contains('?') { '&' } else { '?' };
    // Of a header with schemes, what follows the scheme is the token.
    let token = in_query(credential(key));
    let requests = PARAMETERS.map(|name| Request::get(format!("{path}{and}{name}={token}")));
    let how = "with the key in its query";
    let count = door.holds(context, requests, how).await?;
    Ok(format!("{count} parameters, none taken"))
}

pub(crate) async fn other_forms(context: &Context) -> Finding {
    let (path, key) = (protected(context)?, key(context)?);
    let door = Door::find(context).await?;
    let escaped: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // It is the key, for who reads a report.
    context.remember(&escaped);
    let last = key.len() - 1;
    let mut forms = vec![
        escaped,
        format!("{}%{:02x}", &key[..last], key.as_bytes()[last]),
        format!("\"{key}\""),
        format!("'{key}'"),
        format!("<{key}>"),
        format!("{key},"),
        format!("{key};"),
        format!("key={key}"),
    ];
    // A scheme is part of what the header of schemes has.
    let name = &context.profile.keys.header;
    let has_schemes = name.eq_ignore_ascii_case("authorization");
    if !has_schemes {
        forms.extend(SCHEMES.map(|scheme| format!("{scheme} {key}")));
    }
    let forms = forms
        .iter()
        .map(|form| Request::get(path).with_key(context, form));
    let forms: Vec<_> = forms.collect();
    let mut count = door
        .holds(context, forms, "with another form of its key")
        .await?;
    if !has_schemes {
        count += other_header(context, &door).await?;
    }
    Ok(format!("{count} forms of the key, none taken"))
}

/// The key in `Authorization`, with the schemes that the server does not challenge for.
async fn other_header(context: &Context, door: &Door) -> Result<usize, Failure> {
    let (path, key) = (protected(context)?, key(context)?);
    let refusal = context.send(&Request::get(path)).await?;
    let challenges = refusal.headers.get_all("www-authenticate").iter();
    let wanted: String = challenges
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase() + " ")
        .collect();
    let is_wanted = |scheme: &str| {
        let scheme = scheme.to_lowercase();
        wanted.split([' ', ',']).any(|word| word == scheme)
    };
    let others = SCHEMES.iter().filter(|scheme| !is_wanted(scheme));
    let requests = others.map(|scheme| {
        let value = format!("{scheme} {key}");
        Request::get(path).header("authorization", value)
    });
    let mut requests: Vec<_> = requests.collect();
    if !is_wanted("Basic") {
        for pair in [format!("{key}:"), format!("siege:{key}")] {
            let pair = STANDARD.encode(pair);
            context.remember(&pair);
            let value = format!("Basic {pair}");
            requests.push(Request::get(path).header("authorization", value));
        }
    }
    let held = door.holds(context, requests, "with its key in Authorization");
    held.await.map_err(second_place)
}

/// A second header may well be on purpose.
fn second_place(failure: Failure) -> Failure {
    match failure {
        Failure::Breach(evidence) => evidence.at_most(Level::Opinion).into(),
        other => other,
    }
}

/// Those that E06 does not send.
const PARAMETERS: [&str; 8] = [
    "apikey",
    "api-key",
    "apiKey",
    "token",
    "access_token",
    "auth",
    "subscription-key",
    "x_api_key",
];

const SCHEMES: [&str; 4] = ["ApiKey", "Bearer", "Token", "Key"];
