//! `kid` chooses among keys that are there, and is nothing else: no path, no query, no command.

use serde_json::{Value, json};

use super::Bearer;
use crate::{
    context::Context,
    signing::{Forge, PrivateKey, sealed, text, with},
    verdict::Finding,
};

pub(crate) async fn kids(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    // What a server would find at these places: nothing, or what the token says.
    let empty = PrivateKey::from_secret(b"");
    let said = PrivateKey::from_secret(b"siege");
    for kid in PLACES {
        for secret in [&empty, &said] {
            let token = by(forge, secret, json!(kid));
            bearer.refuses(&format!("the kid {kid:?}"), &token).await?;
        }
    }
    let own = own_or_foreign(forge);
    let mistyped = [json!(null), json!(1), json!([]), json!({}), json!("")];
    for kid in mistyped {
        let what = format!("the kid {kid}");
        bearer
            .refuses(&what, &by(forge, own.as_ref().unwrap_or(&forge.key), kid))
            .await?;
    }
    for length in [8 << 10, 64 << 10] {
        let token = by(forge, &said, json!("k".repeat(length)));
        let what = format!("a kid of {length} bytes");
        bearer
            .refuses_with(&[400, 401, 413, 431], &what, &token)
            .await?;
    }
    let count = context.intensity.scale(1000);
    for i in 0..count {
        let kid = json!(format!("siege-{i}-{:08x}", rand::random::<u32>()));
        let token = by(forge, own.as_ref().unwrap_or(&forge.key), kid);
        bearer.refuses("a kid that nobody has", &token).await?;
    }
    Ok(format!(
        "{} odd kids and {count} unknown ones: 401",
        PLACES.len()
    ))
}

/// Where the profile has a `kid`, another one must not be as good. Else a server may not look at it.
fn own_or_foreign(forge: &Forge) -> Option<PrivateKey> {
    match forge.tokens.kid {
        Some(_) => None,
        None => forge.key.foreign(),
    }
}

fn by(forge: &Forge, key: &PrivateKey, kid: Value) -> String {
    let header = with(forge.header(), "kid", kid);
    let header = text(&with(header, "alg", key.algorithm()));
    sealed(&header, &text(&forge.claims()), |message| key.sign(message))
}

const PLACES: [&str; 10] = [
    "../../../../../../../dev/null",
    "/dev/null",
    "/proc/sys/kernel/randomize_va_space",
    "file:///dev/null",
    "' UNION SELECT 'siege' -- ",
    "x' OR '1'='1",
    "$(sleep 2)",
    "`sleep 2`|sleep 2",
    "\u{0}",
    "${jndi:ldap://127.0.0.1/siege}",
];
