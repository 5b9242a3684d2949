//! Wrong keys that are as well-formed as the right one.

/// The parts of a key of the form that portcullis generates: `prefix_id_secret`, and a checksum at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'k> {
    prefix: &'k str,
    id: &'k str,
    secret: &'k str,
}

// ===== impl Form =====

impl<'k> Form<'k> {
    /// Returns the parts of a key, unless its form is another or its checksum is wrong.
    pub(super) fn parse(key: &'k str) -> Option<Self> {
        let (body, found) = key.split_at_checked(key.len().checked_sub(CHECKSUM)?)?;
        let mut parts = body.splitn(3, '_');
        let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let is_secret =
            secret.len() == SECRET && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_own = is_secret && !prefix.is_empty() && !id.is_empty() && checksum(body) == found;
        is_own.then_some(Self { prefix, id, secret })
    }

    /// A key with the id that is known and a secret that is wrong in one place.
    pub(super) fn wrong_at(self, at: usize) -> String {
        self.key(self.id, &changed(self.secret, at))
    }

    /// A key with an id that nobody has, and the secret of `wrong_at(0)`.
    pub(super) fn of_nobody(self) -> String {
        let id = self.id.chars().map(|c| if c == 'z' { 'y' } else { 'z' });
        self.key(&id.collect::<String>(), &changed(self.secret, 0))
    }

    fn key(self, id: &str, secret: &str) -> String {
        let body = format!("{}_{id}_{secret}", self.prefix);
        let checksum = checksum(&body);
        body + &checksum
    }
}

/// The key behind its scheme: what follows `Bearer ` and its kind.
pub(super) fn credential(key: &str) -> &str {
    let parts = key.split_once(' ');
    let schemed = parts.filter(|(scheme, rest)| {
        let is_word = scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_word && !scheme.is_empty() && rest.len() >= LEAST
    });
    schemed.map_or(key, |(_, rest)| rest)
}

/// As a query has it (RFC 3986, 2.1).
pub(super) fn in_query(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The CRC-32 of a text in base 62, six digits, most significant first.
fn checksum(text: &str) -> String {
    let mut left = crc32fast::hash(text.as_bytes());
    let digits = [(); CHECKSUM].map(|()| {
        let digit = BASE62[left as usize % BASE62.len()];
        left /= BASE62.len() as u32;
        char::from(digit)
    });
    digits.iter().rev().collect()
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CHECKSUM: usize = 6;
/// Less behind a blank is no key.
const LEAST: usize = 4;
/// 43 base 62 digits hold 256 bits.
pub(super) const SECRET: usize = 43;

/// A key with one character changed.
pub(super) fn changed(key: &str, at: usize) -> String {
    let characters = key.chars().enumerate();
    let changed = characters.map(|(i, c)| match c {
        c if i != at => c,
        'a' => 'b',
        _ => 'a',
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use portcullis::api_key::ApiKey;

    use super::*;

    #[test]
    fn wrong_keys_have_right_checksums() {
        let key = ApiKey::generate_with_id("pk", "a1b2c3zz").unwrap();
        let form = Form::parse(key.expose()).unwrap();

        for wrong in [form.wrong_at(0), form.wrong_at(SECRET - 1)] {
            let parsed = ApiKey::parse(&wrong).unwrap();
            assert_eq!(parsed.id(), key.id());
            assert_ne!(wrong, key.expose());
        }
        let nobody = form.of_nobody();
        assert_eq!(ApiKey::parse(&nobody).unwrap().id(), "zzzzzzyy");
        assert_eq!(nobody.len(), key.expose().len());
    }

    #[test]
    fn a_wrong_secret_differs_where_it_should() {
        let key = ApiKey::generate("pk").unwrap();
        let form = Form::parse(key.expose()).unwrap();
        let body = |key: &str| key[..key.len() - CHECKSUM].to_owned();

        for (at, place) in [(0, "first"), (SECRET - 1, "last")] {
            let (right, wrong) = (body(key.expose()), body(&form.wrong_at(at)));
            let differs: Vec<_> = (0..right.len())
                .filter(|at| right.as_bytes()[*at] != wrong.as_bytes()[*at])
                .collect();
            assert_eq!(differs, [right.len() - SECRET + at], "{place}");
        }
    }

    #[test]
    fn a_key_may_follow_a_scheme() {
        assert_eq!(credential("Bearer alice_0123"), "alice_0123");
        assert_eq!(credential("alice_0123"), "alice_0123");
        assert_eq!(credential("a b"), "a b");
        assert_eq!(in_query("Bearer a+b/c="), "Bearer%20a%2Bb%2Fc%3D");
    }

    #[test]
    fn a_foreign_form_is_none_of_ours() {
        let key = ApiKey::generate("pk").unwrap();
        let typo = changed(key.expose(), 20);
        for foreign in [
            "",
            "gal_valid_4f9c2b7d1e8a6053",
            "sk_live_x",
            &typo,
            "é_é_é",
        ] {
            assert!(Form::parse(foreign).is_none(), "{foreign}");
        }
    }
}
