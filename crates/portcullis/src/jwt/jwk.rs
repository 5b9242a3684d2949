//! Reading a JWK (RFC 7517; RFC 7518, section 6; RFC 8037, section 2).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
    signature::RsaPublicKeyComponents,
};
use zeroize::Zeroizing;

use super::{
    Algorithm, JwtKey,
    json::{Object, WrongJson},
    key::Material,
    text,
};

type Problem = String;

/// Returns a key, or nothing if it is of a kind that is not known here, or not for verifying.
pub(super) fn parse(jwk: &Object<'_>) -> Result<Option<JwtKey>, Problem> {
    let kind = text(jwk, "kty")?.ok_or("\"kty\" is missing")?;
    if kind != SECRET && PRIVATE.into_iter().any(|name| jwk.has(name)) {
        return Err("it has its private part, which no verifier needs".to_owned());
    }
    let named = text(jwk, "alg")?;
    let id = text(jwk, "kid")?;
    if id.as_deref().is_some_and(|id| !text::is_id(id)) {
        return Err(text::WRONG_ID.to_owned());
    }
    let is_for_verifying = is_for_verifying(jwk)?;
    let Some(natural) = natural(&kind, jwk)?.filter(|_| is_for_verifying) else {
        return Ok(None);
    };
    let algorithm = match named.as_deref().map(Algorithm::from_name) {
        None => natural,
        Some(None) => return Ok(None),
        Some(Some(named)) => named,
    };
    let is_pss = natural == Algorithm::Rs256 && algorithm == Algorithm::Ps256;
    if algorithm != natural && !is_pss {
        return Err("\"alg\" is not one for this \"kty\"".to_owned());
    }
    let material = material(natural, jwk)?;
    let id = id.map(String::into_boxed_str);
    Ok(Some(JwtKey::new(id, algorithm, named.is_some(), material)))
}

/// Returns what a key without `alg` is for.
fn natural(kind: &str, jwk: &Object<'_>) -> Result<Option<Algorithm>, Problem> {
    let curve = text(jwk, "crv")?;
    Ok(match (kind, curve.as_deref()) {
        ("RSA", _) => Some(Algorithm::Rs256),
        ("EC", Some("P-256")) => Some(Algorithm::Es256),
        ("OKP", Some("Ed25519")) => Some(Algorithm::EdDsa),
        (SECRET, _) => Some(Algorithm::Hs256),
        _ => None,
    })
}

/// Looks at `use` and `key_ops` (RFC 7517, sections 4.2 and 4.3).
fn is_for_verifying(jwk: &Object<'_>) -> Result<bool, Problem> {
    let is_for_signatures = text(jwk, "use")?.is_none_or(|used| used == "sig");
    let operations = match jwk.raw("key_ops") {
        Some(raw) if !raw.starts_with('[') => Err(WrongJson),
        _ => jwk.texts("key_ops"),
    };
    let operations = operations.map_err(|_| "\"key_ops\" is not an array of strings")?;
    let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
    Ok(is_for_signatures && verifies)
}

fn material(algorithm: Algorithm, jwk: &Object<'_>) -> Result<Material, Problem> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
        Algorithm::Es256 => p256(&bytes(jwk, "x")?, &bytes(jwk, "y")?),
        Algorithm::EdDsa => ed25519(&bytes(jwk, "x")?),
        Algorithm::Hs256 => Material::secret(&bytes(jwk, "k")?),
    }
}

/// Checks what ring refuses to verify with.
fn rsa(n: &[u8], e: &[u8]) -> Result<Material, Problem> {
    let is_number = |bytes: &[u8]| bytes.first().is_some_and(|byte| *byte != 0);
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
    if !(is_number(n) && is_odd(n) && is_number(e) && is_odd(e)) {
        return Err("\"n\" and \"e\" are odd numbers without leading zeros".to_owned());
    }
    let bits = n.len() * 8 - n[0].leading_zeros() as usize;
    if !(FEWEST_BITS..=MOST_BITS).contains(&bits) {
        let problem = format!("a key of RSA has 2048 to 8192 bits, not {bits}");
        return Err(problem);
    }
    // At most 2^33 - 1, and not 1.
    if e == [1] || e.len() > 5 || (e.len() == 5 && e[0] > 1) {
        return Err("\"e\" is 3 or more, and less than 2^33".to_owned());
    }
    let (n, e) = (n.into(), e.into());
    Ok(Material::Rsa(RsaPublicKeyComponents { n, e }))
}

fn p256(x: &[u8], y: &[u8]) -> Result<Material, Problem> {
    let point = [&[4], x, y].concat();
    if x.len() != 32 || y.len() != 32 || !is_on_p256(&point) {
        return Err("\"x\" and \"y\" are no point of P-256".to_owned());
    }
    Ok(Material::P256(point.into()))
}

/// A key that is agreed on with a point that is none is refused; the result is not kept.
fn is_on_p256(point: &[u8]) -> bool {
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    let peer = UnparsedPublicKey::new(&ECDH_P256, point);
    own.and_then(|own| agree_ephemeral(own, &peer, |_| ()))
        .is_ok()
}

fn ed25519(x: &[u8]) -> Result<Material, Problem> {
    if x.len() == 32 {
        Ok(Material::Ed25519(x.into()))
    } else {
        Err("\"x\" is 32 bytes".to_owned())
    }
}

fn text(jwk: &Object<'_>, name: &str) -> Result<Option<String>, Problem> {
    let text = jwk.text(name);
    let text = text.map_err(|_| format!("{name:?} is not a string"))?;
    Ok(text.map(std::borrow::Cow::into_owned))
}

/// Returns what is in base64url, without padding and in its one right form.
fn bytes(jwk: &Object<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let text = jwk.text(name).ok().flatten();
    let text = text.ok_or_else(|| format!("{name:?} is missing, or not a string"))?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.as_bytes());
    let bytes = bytes.map_err(|_| format!("{name:?} is not base64url"))?;
    Ok(Zeroizing::new(bytes))
}

/// Returns `true` for a key that is a secret, whatever it is for.
#[cfg(feature = "jwks")]
pub(super) fn is_secret(jwk: &Object<'_>) -> bool {
    let kind = jwk.text("kty").ok().flatten();
    kind.is_some_and(|kind| kind == SECRET)
}

const FEWEST_BITS: usize = 2048;
const MOST_BITS: usize = 8192;
/// The members of a key that is no secret which nobody else may know: of RSA, EC and OKP (RFC 7518, section
/// 6; RFC 8037, section 2), and of AKP.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];
const SECRET: &str = "oct";
