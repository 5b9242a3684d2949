//! How parameters are named whose values are secrets.

/// Returns `true` if a name, or a part of one such as `user[password]`, is a secret's. Case and
/// punctuation do not matter.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = &name[name.len().saturating_sub(LONGEST)..];
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b' ' | 0x80..);
    let mut parts = name.split(|byte| !is_part(byte));
    is_known(name) || parts.any(|part| part.len() < name.len() && is_known(part))
}

fn is_known(name: &[u8]) -> bool {
    let mut letters = [0; LONGEST];
    let kept = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let mut length = 0;
    for (place, letter) in letters.iter_mut().zip(kept) {
        *place = letter.to_ascii_lowercase();
        length += 1;
    }
    let letters = &letters[..length];
    let end = letters.iter().rposition(|byte| !byte.is_ascii_digit());
    let letters = &letters[..end.map_or(0, |end| end + 1)];
    let contains = |word: &&str| {
        let mut windows = letters.windows(word.len());
        windows.any(|window| window == word.as_bytes())
    };
    WHOLE.iter().any(|word| letters == word.as_bytes())
        || ENDS.iter().any(|word| letters.ends_with(word.as_bytes()))
        || ANYWHERE.iter().any(contains)
}

/// Of a longer name only the end is looked at, in bytes.
const LONGEST: usize = 128;

/// Too common as parts of other names.
const WHOLE: [&str; 20] = [
    "auth", "code", "creds", "cvc", "cvv", "key", "otp", "pass", "pin", "psk", "pw", "session",
    "sess", "sid", "sig", "ticket", "tokens", "totp", "xauth", "xkey",
];

const ENDS: [&str; 14] = [
    "assertion",
    "authcode",
    "authkey",
    "codeverifier",
    "cookie",
    "hmac",
    "passcode",
    "pwd",
    "samlresponse",
    "sessionid",
    "sessid",
    "signature",
    "subscriptionkey",
    "token",
];

const ANYWHERE: [&str; 11] = [
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "credential",
    "jwt",
    "passphrase",
    "passw",
    "privatekey",
    "secret",
    "signingkey",
];
