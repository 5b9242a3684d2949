//! Reads reports without keeping any of them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, SeqAccess, Visitor},
};

/// What is counted of one report.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen<'a> {
    pub(super) kind: &'a str,
    pub(super) directive: &'a str,
    pub(super) disposition: &'a str,
}

/// A report of the Reporting API, section 3.4.
#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<Shaped<Body<'a>>>,
}

/// Something that is there, and whether it has the shape that is known.
#[derive(Deserialize)]
#[serde(untagged)]
enum Shaped<T> {
    Known(T),
    Other(IgnoredAny),
}

/// The body of a violation (CSP Level 3, section 5.2).
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "effectiveDirective")]
    directive: Option<Cow<'a, str>>,
    #[serde(borrow)]
    disposition: Option<Cow<'a, str>>,
}

/// What `report-uri` sends (CSP Level 3, section 5.3).
#[derive(Deserialize)]
struct Old<'a> {
    #[serde(borrow, rename = "csp-report")]
    body: OldBody<'a>,
}

#[derive(Deserialize)]
struct OldBody<'a> {
    #[serde(borrow, rename = "effective-directive")]
    effective: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "violated-directive")]
    violated: Option<Cow<'a, str>>,
    #[serde(borrow)]
    disposition: Option<Cow<'a, str>>,
}

/// Calls a function with each report of a list.
struct Each<'f>(&'f mut dyn FnMut(Seen<'_>));

/// Reads `application/reports+json`. What is read before an error is seen; what is no report is an
/// error after the others.
pub(super) fn list(text: &[u8], see: &mut dyn FnMut(Seen<'_>)) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    Each(see).deserialize(&mut reader)?;
    reader.end()
}

/// Reads `application/csp-report`.
pub(super) fn old(text: &[u8], see: &mut dyn FnMut(Seen<'_>)) -> serde_json::Result<()> {
    let Old { body } = serde_json::from_slice(text)?;
    let directive = body.effective.or(body.violated).unwrap_or_default();
    see(Seen {
        kind: VIOLATION,
        // With its sources, in older browsers.
        directive: directive.split(' ').next().unwrap_or_default(),
        disposition: body.disposition.as_deref().unwrap_or_default(),
    });
    Ok(())
}

// ===== impl Each =====

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of reports")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut reports: A) -> Result<(), A::Error> {
        let mut others = 0;
        while let Some(report) = reports.next_element()? {
            match report {
                Shaped::Known(report) => (self.0)(Seen::of(&report)),
                Shaped::Other(IgnoredAny) => others += 1,
            }
        }
        if others == 0 {
            Ok(())
        } else {
            Err(A::Error::custom("not all are reports"))
        }
    }
}

// ===== impl Seen =====

impl<'a> Seen<'a> {
    fn of(report: &'a Report<'_>) -> Self {
        let body = match &report.body {
            Some(Shaped::Known(body)) => Some(body),
            _ => None,
        };
        let directive = body.and_then(|body| body.directive.as_deref());
        let disposition = body.and_then(|body| body.disposition.as_deref());
        Self {
            kind: &report.kind,
            directive: directive.unwrap_or_default(),
            disposition: disposition.unwrap_or_default(),
        }
    }
}

pub(super) const VIOLATION: &str = "csp-violation";
