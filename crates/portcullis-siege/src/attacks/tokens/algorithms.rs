//! The algorithm is the key's, never the token's.

use super::Bearer;
use crate::{
    context::Context,
    signing::{PrivateKey, encoded, sealed, text, with},
    verdict::{Failure, Finding},
};

pub(crate) async fn none(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    let (claims, right) = (text(&forge.claims()), forge.right());
    let signature = right.rsplit('.').next().unwrap_or_default();
    for name in ["none", "None", "NONE", "nOnE", "noNe", ""] {
        let header = text(&with(forge.header(), "alg", name));
        let unsigned = sealed(&header, &claims, |_| Vec::new());
        let what = format!("a token with the algorithm {name:?} and no signature");
        bearer.refuses(&what, &unsigned).await?;
        let what = format!("a token with the algorithm {name:?} and another one's signature");
        bearer
            .refuses(&what, &format!("{unsigned}{signature}"))
            .await?;
    }
    let mut header = forge.header();
    header.remove("alg");
    let nameless = sealed(&text(&header), &claims, |_| Vec::new());
    bearer
        .refuses("a token without an algorithm", &nameless)
        .await?;
    Ok("13 tokens refused".to_owned())
}

pub(crate) async fn public_key_as_secret(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    let forms = forge.key.public_forms();
    if forms.is_empty() {
        return Err(Failure::not_tested(
            "a key that is public is needed (tokens.key or tokens.key_file)",
        ));
    }
    let mut count = 0;
    for form in &forms {
        let secret = PrivateKey::from_secret(form);
        for name in ["HS256", "HS384", "HS512"] {
            let header = text(&with(forge.header(), "alg", name));
            let token = sealed(&header, &text(&forge.claims()), |message| {
                secret.sign_as(name, message).unwrap_or_default()
            });
            let what = format!("{name} with the public key for a secret");
            bearer.refuses(&what, &token).await?;
            count += 1;
        }
    }
    Ok(format!(
        "{count} tokens refused: {} forms of the key",
        forms.len()
    ))
}

pub(crate) async fn swapped(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let (forge, own) = (bearer.forge, bearer.forge.key.algorithm());
    let mut count = 0;
    for name in NAMES.iter().filter(|name| **name != own) {
        let header = text(&with(forge.header(), "alg", *name));
        let token = sealed(&header, &text(&forge.claims()), |message| {
            let other = forge.key.sign_as(name, message);
            other.unwrap_or_else(|| forge.key.sign(message))
        });
        let what = format!("a token of an {own} key that says {name:?}");
        bearer.refuses(&what, &token).await?;
        count += 1;
    }
    Ok(format!("{count} other algorithms refused"))
}

pub(crate) async fn stripped(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    let (header, claims) = (text(&forge.header()), text(&forge.claims()));
    let message = format!("{}.{}", encoded(&header), encoded(&claims));
    let right = forge.key.sign(message.as_bytes());
    for (name, signature) in wrong(&right) {
        let token = format!("{message}.{}", encoded(&signature));
        bearer.refuses(name, &token).await?;
    }
    bearer
        .refuses("a token without its last part", &message)
        .await?;
    let elsewhere = text(&with(forge.claims(), "sub", "somebody-else"));
    let moved = format!(
        "{}.{}.{}",
        encoded(&header),
        encoded(elsewhere),
        encoded(&right)
    );
    bearer.refuses("another token's signature", &moved).await?;
    Ok("13 signatures refused".to_owned())
}

/// Signatures that are not this one.
fn wrong(right: &[u8]) -> [(&'static str, Vec<u8>); 11] {
    let length = right.len();
    let mut flipped = right.to_vec();
    if let Some(first) = flipped.first_mut() {
        *first ^= 1;
    }
    let mut one = vec![0; length];
    if let Some(last) = one.last_mut() {
        *last = 1;
    }
    let order = [P256_ORDER, P256_ORDER].concat();
    [
        ("no signature", Vec::new()),
        ("a signature of zeros (ECDSA: r = s = 0)", vec![0; length]),
        ("r = s = 0 in DER", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ("r = s = the order of P-256", order),
        ("a signature of 1", one),
        ("a signature of ones", vec![0xff; length]),
        ("a signature of one byte", right[..length.min(1)].to_vec()),
        ("half a signature", right[..length / 2].to_vec()),
        (
            "a signature without its last byte",
            right[..length.saturating_sub(1)].to_vec(),
        ),
        ("a signature with one byte more", [right, &[0]].concat()),
        ("a signature with one bit changed", flipped),
    ]
}

const NAMES: [&str; 16] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512",
    "ES256K", "EdDSA", "hs256", "es256", "rs256", "eddsa",
];

/// FIPS 186-5, section 4: r and s are less than this.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
