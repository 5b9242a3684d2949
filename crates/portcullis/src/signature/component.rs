//! What of a message a signature covers (RFC 9421, section 2).

use http::HeaderName;
use portcullis_core::Reason;
use sfv::{BareItem, FieldType, Item, Parser, StringRef};

/// An identifier of a component, as it stands in a signature base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) name: Name,
    /// With its quotes and parameters.
    pub(super) text: String,
}

/// Where the value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Method,
    Authority,
    Scheme,
    TargetUri,
    RequestTarget,
    Path,
    Query,
    /// The name is encoded as in a query.
    QueryParam(String),
    Field(HeaderName),
}

// ===== impl Component =====

impl Component {
    /// Reads an identifier of a `Signature-Input`. What can't be resolved is none: no value can be had of
    /// a response, of trailers, of a part of a field.
    pub(super) fn from_item(item: &Item) -> Result<Self, Reason> {
        let name = item.bare_item.as_string().ok_or(Reason::Malformed)?;
        let parameter = |key: &str| item.params.get(key).and_then(BareItem::as_string);
        let parameter = parameter("name").map(StringRef::as_str);
        let known = match (name.as_str(), item.params.len(), parameter) {
            ("@query-param", 1, Some(parameter)) => Name::QueryParam(parameter.to_owned()),
            (name, 0, _) => Name::without_parameters(name).ok_or(Reason::NotAllowed)?,
            _ => return Err(Reason::NotAllowed),
        };
        let text = item.serialize();
        Ok(Self { name: known, text })
    }

    /// Reads an identifier of a configuration: `@method`, `content-type`,
    /// `"@query-param";name="id"`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let quoted = if text.starts_with('"') {
            text.to_owned()
        } else {
            format!("\"{text}\"")
        };
        let item: Result<Item, _> = Parser::new(&quoted).parse();
        item.ok()
            .and_then(|item| Self::from_item(&item).ok())
            .filter(|component| component.text == quoted)
            .ok_or_else(|| format!("{text:?} is not a component that can be signed"))
    }

    /// Reads all identifiers of a configuration, or returns everything that is wrong with them.
    pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Self>, Vec<String>> {
        let mut problems = Vec::new();
        let mut components: Vec<Self> = Vec::new();
        for text in texts {
            match Self::parse(text) {
                Ok(component) if components.contains(&component) => {
                    problems.push(format!("{text:?} is there twice"));
                }
                Ok(component) => components.push(component),
                Err(problem) => problems.push(problem),
            }
        }
        if components.len() > MOST {
            problems.push(format!("there are more than {MOST} components"));
        }
        if problems.is_empty() {
            Ok(components)
        } else {
            Err(problems)
        }
    }

    /// Returns the component that is the digest of the body.
    pub(super) fn content_digest() -> Self {
        Self {
            name: Name::Field(CONTENT_DIGEST),
            text: "\"content-digest\"".to_owned(),
        }
    }

    pub(super) fn is_content_digest(&self) -> bool {
        self.name == Name::Field(CONTENT_DIGEST)
    }
}

// ===== impl Name =====

impl Name {
    fn without_parameters(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@target-uri" => Self::TargetUri,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            _ => Self::field(name)?,
        })
    }

    /// Names of fields are in lower case (section 2.1), and none begins with `@`.
    fn field(name: &str) -> Option<Self> {
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        is_lower.then_some(Self::Field(name))
    }
}

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// In a signature.
pub(super) const MOST: usize = 32;
