//! A request that is going to be signed (RFC 9421), and what may be wrong with that.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

use super::{PrivateKey, now};
use crate::{profile::Signatures, wire::Request};

/// A request, and what its signature tells of itself. Everything can be changed before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: String,
    /// With the query.
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) label: String,
    /// Identifiers of components as they stand in a base: with quotes.
    pub(crate) components: Vec<String>,
    /// Parameters of the signature, with their values as they are written.
    pub(crate) params: Vec<(String, String)>,
    /// What stands in the base for a component, in place of what the request has.
    pub(crate) values: Vec<(String, Vec<u8>)>,
}

// ===== impl Draft =====

impl Draft {
    /// Returns the draft of a request that the server takes.
    pub(crate) fn new(signatures: &Signatures, key: &PrivateKey, authority: &str) -> Self {
        let body = br#"{"siege":"a signed body"}"#.to_vec();
        let fields = vec![
            ("content-type".to_owned(), b"application/json".to_vec()),
            ("content-digest".to_owned(), digest_of(&body).into_bytes()),
        ];
        let mut components: Vec<_> = signatures.components.iter().map(|n| quoted(n)).collect();
        if !components.iter().any(|name| name == DIGEST) {
            components.push(DIGEST.to_owned());
        }
        let mut params = vec![
            ("created".to_owned(), now().to_string()),
            ("keyid".to_owned(), quoted(&signatures.key_id)),
        ];
        let algorithm = key.signature_algorithm().map(quoted);
        params.extend(algorithm.map(|name| ("alg".to_owned(), name)));
        if signatures.nonce {
            let nonce = format!("{:032x}", rand::random::<u128>());
            params.push(("nonce".to_owned(), quoted(&nonce)));
        }
        let tag = signatures.tag.as_deref().map(quoted);
        params.extend(tag.map(|tag| ("tag".to_owned(), tag)));
        Self {
            method: "POST".to_owned(),
            target: signatures.route.clone(),
            authority: authority.to_ascii_lowercase(),
            fields,
            body,
            label: "sig1".to_owned(),
            components,
            params,
            values: Vec::new(),
        }
    }

    /// Covers another component besides.
    pub(crate) fn covering(mut self, identifier: &str) -> Self {
        self.components.push(identifier.to_owned());
        self
    }

    /// Without a component.
    pub(crate) fn not_covering(mut self, identifier: &str) -> Self {
        self.components.retain(|name| name != identifier);
        self
    }

    /// With a field more.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let field = (name.to_owned(), value.as_ref().to_vec());
        self.fields.push(field);
        self
    }

    /// Without a field.
    pub(crate) fn without_field(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// With another value of a parameter, or one more.
    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        let value = value.to_owned();
        match self.params.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.params.push((name.to_owned(), value)),
        }
        self
    }

    /// With another date, in seconds since 1970.
    pub(crate) fn date(self, name: &str, seconds: u64) -> Self {
        self.param(name, &seconds.to_string())
    }

    /// Without a parameter.
    pub(crate) fn without_param(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// Returns what `Signature-Input` has for the label, and the base has as `@signature-params`.
    pub(crate) fn input(&self) -> String {
        let params = self.params.iter();
        let params = params.map(|(name, value)| format!(";{name}={value}"));
        let params: String = params.collect();
        format!("({}){params}", self.components.join(" "))
    }

    /// Returns the signature base (RFC 9421, section 2.5).
    pub(crate) fn base(&self) -> Vec<u8> {
        let mut base = Vec::new();
        for identifier in &self.components {
            base.extend_from_slice(identifier.as_bytes());
            base.extend_from_slice(b": ");
            base.extend_from_slice(&self.value(identifier));
            base.push(b'\n');
        }
        base.extend_from_slice(format!("\"@signature-params\": {}", self.input()).as_bytes());
        base
    }

    /// Returns the value of a component; nothing of one that has none.
    fn value(&self, identifier: &str) -> Vec<u8> {
        let mut values = self.values.iter();
        if let Some((_, value)) = values.find(|(known, _)| known == identifier) {
            return value.clone();
        }
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, query),
            None => (self.target.as_str(), ""),
        };
        let name = identifier.trim_matches('"');
        match name {
            "@method" => self.method.clone().into(),
            "@authority" => self.authority.trim_end_matches(":80").into(),
            "@scheme" => b"http".into(),
            "@path" => path.into(),
            "@query" => format!("?{query}").into(),
            "@request-target" => self.target.clone().into(),
            "@target-uri" => {
                let authority = self.authority.trim_end_matches(":80");
                format!("http://{authority}{}", self.target).into()
            }
            name => {
                let lines = self.fields.iter().filter(|(known, _)| known == name);
                let lines: Vec<&[u8]> = lines.map(|(_, value)| value.as_slice()).collect();
                lines.join(&b", "[..])
            }
        }
    }

    /// Returns the signature of what is drafted.
    pub(crate) fn signature(&self, key: &PrivateKey) -> Vec<u8> {
        key.sign(&self.base())
    }

    /// Returns the request with a right signature.
    pub(crate) fn sign(&self, key: &PrivateKey) -> Request {
        self.with_signature(&self.signature(key))
    }

    /// Returns the request with any bytes for a signature.
    pub(crate) fn with_signature(&self, signature: &[u8]) -> Request {
        let (label, text) = (&self.label, STANDARD.encode(signature));
        self.unsigned()
            .header("signature-input", format!("{label}={}", self.input()))
            .header("signature", format!("{label}=:{text}:"))
    }

    /// Returns the request without a signature.
    pub(crate) fn unsigned(&self) -> Request {
        let request = Request::new(&self.method, &self.target).body(self.body.clone());
        let fields = self.fields.iter();
        fields.fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    }
}

/// Returns the `Content-Digest` of a body (RFC 9530).
pub(crate) fn digest_of(body: &[u8]) -> String {
    format!(
        "sha-256=:{}:",
        STANDARD.encode(digest(&SHA256, body).as_ref())
    )
}

/// Returns a string of structured fields (RFC 9651, section 3.3.3).
pub(crate) fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

pub(crate) const DIGEST: &str = "\"content-digest\"";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    /// The request of appendix B.2.5 is signed over fewer components than ours, with the same lines.
    #[test]
    fn the_base_is_that_of_rfc_9421() {
        let text = "[signatures]\nroute = '/foo?param=Value&Pet=dog'\nkey_id = 'test-shared-secret'\n\
                    components = ['@authority', 'content-type']\nnonce = false\nhmac_sha256 = 'x'";
        let signatures = Profile::parse(text).unwrap().signatures.unwrap();
        let secret = STANDARD.decode(SHARED_SECRET).unwrap();
        let key = PrivateKey::from_secret(&secret);
        let draft = Draft::new(&signatures, &key, "example.com")
            .field("date", "Tue, 20 Apr 2021 02:07:55 GMT")
            .not_covering(DIGEST)
            .without_param("alg")
            .date("created", 1_618_884_473);
        let draft = Draft {
            components: ["date", "@authority", "content-type"].map(quoted).into(),
            ..draft
        };

        let input = draft.input();
        let signature = STANDARD.encode(draft.signature(&key));

        assert_eq!(
            input,
            "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
        );
        assert_eq!(signature, "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
    }

    const SHARED_SECRET: &str =
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
}
