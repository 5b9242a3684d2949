//! Reading `Signature-Input` and `Signature` (RFC 9421, sections 4.1 and 4.2).

use http::{HeaderMap, HeaderName};
use portcullis_core::Reason;
use sfv::{BareItem, Dictionary, FieldType, InnerList, ListEntry, Parameters, Parser, Version};

use super::component::{Component, MOST};

/// One signature of a request.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) components: Vec<Component>,
    pub(super) params: Params,
    /// The value of `@signature-params`.
    pub(super) input: String,
    pub(super) signature: Vec<u8>,
}

/// What a signature tells of itself (section 2.3).
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    pub(super) created: Option<u64>,
    pub(super) expires: Option<u64>,
    pub(super) nonce: Option<String>,
    pub(super) alg: Option<String>,
    pub(super) keyid: Option<String>,
    pub(super) tag: Option<String>,
}

// ===== impl Signed =====

impl Signed {
    /// Finds the one signature of a request: the only one, or the only one with a tag.
    pub(super) fn find(headers: &HeaderMap, tag: Option<&str>) -> Result<Self, Reason> {
        let (inputs, signatures) = match (
            headers.contains_key(SIGNATURE_INPUT),
            headers.contains_key(SIGNATURE),
        ) {
            (true, true) => (
                dictionary(headers, &SIGNATURE_INPUT)?,
                dictionary(headers, &SIGNATURE)?,
            ),
            (false, false) => return Err(Reason::NoCredentials),
            _ => return Err(Reason::Incomplete),
        };
        let has_same_labels = inputs.len() == signatures.len()
            && inputs.keys().all(|label| signatures.contains_key(label));
        if !has_same_labels {
            return Err(Reason::Malformed);
        }
        let mut chosen = inputs.iter().filter(|(_, input)| has_tag(input, tag));
        match (chosen.next(), chosen.next()) {
            (Some((label, ListEntry::InnerList(input))), None) => {
                Self::new(input, signatures.get(label))
            }
            (Some(_), Some(_)) => Err(Reason::SeveralCredentials),
            (None, _) => Err(Reason::NotAllowed),
            _ => Err(Reason::Malformed),
        }
    }

    fn new(input: &InnerList, signature: Option<&ListEntry>) -> Result<Self, Reason> {
        let Some(ListEntry::Item(signature)) = signature else {
            return Err(Reason::Malformed);
        };
        let bytes = signature.bare_item.as_byte_sequence();
        let bytes = bytes.filter(|_| signature.params.is_empty());
        if input.items.len() > MOST {
            return Err(Reason::Malformed);
        }
        let mut components = Vec::with_capacity(input.items.len());
        for item in &input.items {
            let component = Component::from_item(item)?;
            if components.contains(&component) {
                return Err(Reason::Malformed);
            }
            components.push(component);
        }
        let text = vec![ListEntry::InnerList(input.clone())].serialize();
        Ok(Self {
            components,
            params: Params::new(&input.params)?,
            input: text.ok_or(Reason::Malformed)?,
            signature: bytes.ok_or(Reason::Malformed)?.to_vec(),
        })
    }

    pub(super) fn covers(&self, component: &Component) -> bool {
        self.components.contains(component)
    }
}

// ===== impl Params =====

impl Params {
    /// A parameter that is not known, or of another type, is an error: it may restrict what is signed.
    fn new(parameters: &Parameters) -> Result<Self, Reason> {
        let mut params = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "created" => params.created = Some(time(value)?),
                "expires" => params.expires = Some(time(value)?),
                "nonce" => params.nonce = Some(text(value)?),
                "alg" => params.alg = Some(text(value)?),
                "keyid" => params.keyid = Some(text(value)?),
                "tag" => params.tag = Some(text(value)?),
                _ => return Err(Reason::NotAllowed),
            }
        }
        Ok(params)
    }
}

fn time(value: &BareItem) -> Result<u64, Reason> {
    let time = value.as_integer().map(i64::from);
    time.and_then(|time| u64::try_from(time).ok())
        .ok_or(Reason::Malformed)
}

fn text(value: &BareItem) -> Result<String, Reason> {
    let text = value.as_string().map(|text| text.as_str().to_owned());
    let text = text.filter(|text| text.len() <= LONGEST_TEXT);
    text.ok_or(Reason::Malformed)
}

fn has_tag(input: &ListEntry, tag: Option<&str>) -> bool {
    let Some(tag) = tag else {
        return true;
    };
    let ListEntry::InnerList(input) = input else {
        return false;
    };
    let own = input.params.get("tag").and_then(BareItem::as_string);
    own.is_some_and(|own| own.as_str() == tag)
}

/// Reads a field that is written as a serializer writes it (RFC 9651, section 4.1): what a signature
/// covers is what was received, and no label or parameter is there twice.
fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Result<Dictionary, Reason> {
    let lines = headers.get_all(name).iter();
    let lines: Result<Vec<&str>, _> = lines.map(|line| line.to_str()).collect();
    let text = lines.map_err(|_| Reason::Malformed)?.join(", ");
    if text.len() > LONGEST {
        return Err(Reason::Malformed);
    }
    let parsed: Result<Dictionary, _> = Parser::new(&text).with_version(Version::Rfc8941).parse();
    let parsed = parsed.map_err(|_| Reason::Malformed)?;
    let is_canonical = parsed.serialize().is_some_and(|written| written == text);
    if is_canonical && parsed.len() <= MOST_LABELS {
        Ok(parsed)
    } else {
        Err(Reason::Malformed)
    }
}

pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("signature");
pub(super) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// Of each of the two fields, in bytes.
const LONGEST: usize = 4 * 1024;

/// Of a parameter, in bytes.
pub(super) const LONGEST_TEXT: usize = 256;
const MOST_LABELS: usize = 3;
