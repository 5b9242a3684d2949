//! The body that a route takes: what every attack that sends one makes it of, so that it is refused for
//! what is wrong with it and for nothing else.

use serde_json::Value;

use crate::{context::Context, openapi, profile::Routes, wire::Request};

/// A small body that the route for bodies takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Its media type. Without one, no Content-Type is sent, and any bytes will do.
    kind: Option<String>,
    text: String,
    refusal: Option<String>,
}

// ===== impl Sample =====

impl Sample {
    /// Returns what the profile gives, if it gives anything.
    fn given(routes: &Routes) -> Option<Self> {
        let (kind, text) = (routes.body_type.clone(), routes.body_sample.clone());
        let guessed = || text.as_ref().filter(|text| text.starts_with(['{', '[']));
        let kind = kind.or_else(|| guessed().map(|_| JSON.to_owned()));
        let usual = match kind.as_deref().map(essence) {
            None if text.is_none() => return None,
            Some(kind) if is_json(kind) => "{}",
            Some("application/x-www-form-urlencoded") => "a=a",
            _ => PLAIN,
        };
        Some(Self {
            kind,
            text: text.unwrap_or_else(|| usual.to_owned()),
            refusal: None,
        })
    }

    fn plain() -> Self {
        Self {
            text: PLAIN.to_owned(),
            ..Self::default()
        }
    }

    fn json(text: String) -> Self {
        Self {
            kind: Some(JSON.to_owned()),
            text,
            refusal: None,
        }
    }

    pub(crate) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Why attacks that need a right body are not tested, if none was found.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    pub(crate) fn is_json(&self) -> bool {
        self.kind().map(essence).is_some_and(is_json)
    }

    /// What stands before and behind bytes that may be there in any number, and such a byte.
    pub(crate) fn parts(&self) -> (&str, u8, &str) {
        let text = self.text.as_str();
        match self.kind().map(essence) {
            None => ("", b'a', ""),
            Some(kind) if is_json(kind) => {
                let opens = usize::from(text.starts_with(['{', '[']));
                (&text[..opens], b' ', &text[opens..])
            }
            Some(kind) if kind.ends_with("xml") => (text, b' ', ""),
            Some(_) => (text, b'a', ""),
        }
    }

    /// A right body of so many bytes; the sample itself, if that is longer.
    pub(crate) fn of_length(&self, length: usize) -> Vec<u8> {
        let (before, pad, behind) = self.parts();
        let pads = length.saturating_sub(before.len() + behind.len());
        [before.as_bytes(), &vec![pad; pads], behind.as_bytes()].concat()
    }

    /// The sample, and so many bytes that may stand behind it.
    pub(crate) fn and_more(&self, bytes: usize) -> Vec<u8> {
        let (_, pad, _) = self.parts();
        [self.text.as_bytes(), &vec![pad; bytes]].concat()
    }

    /// The sample as one chunk.
    pub(crate) fn chunk(&self) -> String {
        format!("{:x}\r\n{}\r\n", self.text.len(), self.text)
    }

    /// A line of a head; nothing, if no type is needed.
    pub(crate) fn line(&self) -> String {
        let line = |kind: &str| format!("Content-Type: {kind}\r\n");
        self.kind().map(line).unwrap_or_default()
    }

    /// The request, with the type.
    pub(crate) fn typed(&self, request: Request) -> Request {
        match self.kind() {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    }

    /// Those that may be right: what the profile gives, else what the server declares, else plain bytes, else
    /// `{}`.
    fn candidates(routes: &Routes, document: &Value) -> Vec<Self> {
        let path = routes.body.as_deref().unwrap_or_default();
        let declared = openapi::body(document, path).map(Self::json);
        let guesses = [Self::plain(), Self::json("{}".to_owned())];
        match Self::given(routes) {
            Some(given) => vec![given],
            None => declared.into_iter().chain(guesses).collect(),
        }
    }
}

/// Returns a body that the route takes: the first that is answered with 2xx. Where none is, it has the
/// reason.
pub(crate) async fn find(context: &Context, routes: &Routes, document: &Value) -> Sample {
    let Some(path) = &routes.body else {
        return Sample::plain();
    };
    let mut answers = Vec::new();
    for sample in Sample::candidates(routes, document) {
        let request = sample.typed(Request::new("POST", path).key(context));
        let answer = context.send(&request.body(sample.text.clone())).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if answer.is_ok_and(|answer| answer.is_good()) {
            return sample;
        }
        answers.push((sample, status));
    }
    let (mut last, _) = answers.last().cloned().unwrap_or_default();
    last.refusal = Some(refusal(path, &answers));
    last
}

fn refusal(path: &str, answers: &[(Sample, u16)]) -> String {
    let each = answers.iter().map(|(sample, status)| {
        let what = match &sample.kind {
            Some(kind) => format!("{} as {kind}", sample.text),
            None => "plain bytes".to_owned(),
        };
        match status {
            0 => format!("{what} with nothing"),
            status => format!("{what} with {status}"),
        }
    });
    let each: Vec<_> = each.collect();
    format!(
        "{path} answers {}: say which body it takes (routes.body_type, routes.body_sample)",
        each.join(", ")
    )
}

/// A media type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or(kind).trim()
}

pub(crate) fn is_json(kind: &str) -> bool {
    let kind = essence(kind);
    kind.eq_ignore_ascii_case(JSON) || kind.ends_with("+json")
}

const JSON: &str = "application/json";
const PLAIN: &str = "siege";

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: Option<&str>, text: Option<&str>) -> Sample {
        let routes = Routes {
            body_type: kind.map(str::to_owned),
            body_sample: text.map(str::to_owned),
            ..Routes::default()
        };
        Sample::given(&routes).unwrap_or_else(Sample::plain)
    }

    #[test]
    fn json_of_any_length_is_the_same_value() {
        for text in [r#"{"title":"x"}"#, "[1]", "\"a\"", "{}"] {
            let sample = sample(Some("application/json; charset=utf-8"), Some(text));
            let value: Value = serde_json::from_str(text).unwrap();
            for body in [sample.of_length(5000), sample.and_more(45)] {
                let same: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(same, value);
            }
            assert_eq!(sample.of_length(5000).len(), 5000);
            assert_eq!(sample.of_length(1), text.as_bytes());
        }
    }

    #[test]
    fn what_is_not_given_follows_from_what_is() {
        assert_eq!(sample(None, Some("{\"a\":1}")).kind(), Some(JSON));
        assert_eq!(sample(Some("application/problem+json"), None).text(), "{}");
        let form = sample(Some("application/x-www-form-urlencoded"), None);
        assert_eq!(form.of_length(6), b"a=aaaa");
        let plain = sample(None, None);
        assert_eq!((plain.kind(), plain.of_length(3)), (None, b"aaa".to_vec()));
        assert_eq!(plain.and_more(2), b"siegeaa");
    }

    #[test]
    fn a_refusal_has_what_was_sent_and_what_to_add() {
        let answers = [(Sample::plain(), 415), (Sample::json("{}".to_owned()), 422)];

        assert_eq!(
            refusal("/tasks", &answers),
            "/tasks answers plain bytes with 415, {} as application/json with 422: \
             say which body it takes (routes.body_type, routes.body_sample)"
        );
    }
}
