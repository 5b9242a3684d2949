use std::{fmt, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderValue, request};
use portcullis_core::{ConfigError, WallClock};
use rand::RngExt;
use sfv::{
    BareItem, FieldType, InnerList, Item, Key, ListEntry, Parameters, Parser, String as Text,
};

use super::{
    SigningKey,
    component::{CONTENT_DIGEST, Component},
    digest::content_digest,
    fields::{LONGEST_TEXT, SIGNATURE, SIGNATURE_INPUT},
    message::Message,
};

/// Signs outgoing requests (RFC 9421, section 3.1). Clones share the key.
///
/// Covers `@method`, `@authority`, `@path` and `@query`, and the digest of the body where there is one.
/// `created`, `keyid` and `alg` are always there.
///
/// ```
/// use http::Request;
/// use portcullis::signature::{Signer, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2")?;
/// let signer = Signer::try_new("key-1", key)?.nonce(true);
///
/// let body = b"{}";
/// let (mut head, ()) = Request::post("https://example.com/orders").body(())?.into_parts();
/// signer.sign(&mut head, Some(body))?;
///
/// assert!(head.headers.contains_key("signature"));
/// assert!(head.headers.contains_key("signature-input"));
/// assert!(head.headers.contains_key("content-digest"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    key_id: Text,
    components: Vec<Component>,
    has_nonce: bool,
    has_alg: bool,
    expires_in: Option<Duration>,
    tag: Option<Text>,
    label: Key,
    clock: WallClock,
}

/// A request has no value for a component that must be signed, or the system has no random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignError;

// ===== impl Signer =====

impl Signer {
    /// Creates a signer.
    ///
    /// # Errors
    ///
    /// Returns an error for an id that is not 1 to 256 characters of ASCII that can be printed.
    pub fn try_new(key_id: &str, key: SigningKey) -> Result<Self, ConfigError> {
        let components = ["@method", "@authority", "@path", "@query"].map(ToOwned::to_owned);
        Ok(Self {
            key,
            key_id: text("the id of a key", key_id)?,
            components: parse(&components)?,
            has_nonce: false,
            has_alg: true,
            expires_in: None,
            tag: None,
            label: label("sig")?,
            clock: WallClock::system(),
        })
    }

    /// Sets what is covered, in place of the defaults, as
    /// [`SignaturePolicy::require`](super::SignaturePolicy::require) has it. The digest of a body is
    /// covered besides.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the names.
    pub fn components(
        mut self,
        components: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let components = components.into_iter().map(|name| name.as_ref().to_owned());
        self.components = parse(&components.collect::<Vec<_>>())?;
        Ok(self)
    }

    /// Adds a fresh nonce of 128 random bits to each signature. Off by default.
    #[must_use]
    pub const fn nonce(mut self, on: bool) -> Self {
        self.has_nonce = on;
        self
    }

    /// Sets whether the algorithm is named. On by default.
    #[must_use]
    pub const fn alg(mut self, on: bool) -> Self {
        self.has_alg = on;
        self
    }

    /// Sets after how long a signature expires, in whole seconds. Never by default: the other side has a
    /// limit of its own.
    #[must_use]
    pub const fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// Sets the tag of the application.
    ///
    /// # Errors
    ///
    /// Returns an error for a tag that is not 1 to 256 characters of ASCII that can be printed.
    pub fn tag(mut self, tag: &str) -> Result<Self, ConfigError> {
        self.tag = Some(text("a tag", tag)?);
        Ok(self)
    }

    /// Sets the label of the signature: `sig` unless set.
    ///
    /// # Errors
    ///
    /// Returns an error for one that is no key (RFC 9651, section 3.1.2).
    pub fn label(mut self, name: &str) -> Result<Self, ConfigError> {
        self.label = label(name)?;
        Ok(self)
    }

    /// Sets where the date is read.
    #[must_use]
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Signs a request, whose target names its scheme and host. Sets `Content-Digest` where there is a
    /// body, `Signature-Input` and `Signature`; what these were before is replaced. `body` is all of the
    /// content as it is sent; without one no digest is covered that [`components`](Self::components) does
    /// not name.
    ///
    /// # Errors
    ///
    /// Returns an error, and leaves the signature out, when a component has no value.
    pub fn sign(&self, head: &mut request::Parts, body: Option<&[u8]>) -> Result<(), SignError> {
        let mut components = self.components.clone();
        if let Some(body) = body {
            let digest = value(&content_digest(body))?;
            head.headers.insert(CONTENT_DIGEST, digest);
            let covered = Component::content_digest();
            if !components.contains(&covered) {
                components.push(covered);
            }
        }
        let input = self.input(&components)?;
        let text = input_text(input.clone())?;
        let base = Message::outgoing(head)
            .base(&components, &text)
            .map_err(|_| SignError)?;
        let signature = self.key.sign(base.as_bytes()).ok_or(SignError)?;
        let (label, signature) = (self.label.as_str(), STANDARD.encode(signature));
        head.headers
            .insert(SIGNATURE_INPUT, value(&format!("{label}={text}"))?);
        head.headers
            .insert(SIGNATURE, value(&format!("{label}=:{signature}:"))?);
        Ok(())
    }

    /// Returns what a signature tells of itself.
    fn input(&self, components: &[Component]) -> Result<InnerList, SignError> {
        let items = components
            .iter()
            .map(|component| Parser::new(&component.text).parse());
        let items: Result<Vec<Item>, _> = items.collect();
        let now = self.clock.unix();
        let mut params = Parameters::new();
        let mut set = |name: &'static str, value: BareItem| {
            params.insert(sfv::KeyRef::constant(name).to_owned(), value)
        };
        set("created", integer(now)?);
        if let Some(time) = self.expires_in {
            set("expires", integer(now.saturating_add(time.as_secs()))?);
        }
        set("keyid", self.key_id.clone().into());
        if self.has_alg {
            set("alg", string(self.key.algorithm().name())?);
        }
        if self.has_nonce {
            let random: [u8; 16] = rand::rng().random();
            set("nonce", string(&URL_SAFE_NO_PAD.encode(random))?);
        }
        if let Some(tag) = &self.tag {
            set("tag", tag.clone().into());
        }
        Ok(InnerList::with_params(
            items.map_err(|_| SignError)?,
            params,
        ))
    }
}

fn input_text(input: InnerList) -> Result<String, SignError> {
    vec![ListEntry::InnerList(input)]
        .serialize()
        .ok_or(SignError)
}

fn integer(number: u64) -> Result<BareItem, SignError> {
    let number = sfv::Integer::try_from(number).map_err(|_| SignError)?;
    Ok(number.into())
}

fn string(text: &str) -> Result<BareItem, SignError> {
    let text = Text::from_string(text.to_owned()).map_err(|_| SignError)?;
    Ok(text.into())
}

fn value(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError)
}

fn text(what: &str, text: &str) -> Result<Text, ConfigError> {
    let wrong = || {
        ConfigError::new(format!(
            "{what} is 1 to 256 characters of ASCII that can be printed"
        ))
    };
    if text.is_empty() || text.len() > LONGEST_TEXT {
        return Err(wrong());
    }
    Text::from_string(text.to_owned()).map_err(|_| wrong())
}

fn label(name: &str) -> Result<Key, ConfigError> {
    let wrong = || ConfigError::new(format!("{name:?} is not a label of a signature"));
    Key::from_string(name.to_owned()).map_err(|_| wrong())
}

fn parse(components: &[String]) -> Result<Vec<Component>, ConfigError> {
    Component::parse_all(components)
        .or_else(|problems| ConfigError::check(problems).map(|()| Vec::new()))
}

// ===== impl SignError =====

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has no value for a component that must be signed")
    }
}

impl std::error::Error for SignError {}
