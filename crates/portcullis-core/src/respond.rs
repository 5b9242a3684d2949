use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde::{Serialize, Serializer};

use crate::{Rejection, RejectionKind, RequestId};

/// Renders a [`Rejection`] as a response.
///
/// Implemented for any `Fn(&Rejection) -> Response<Bytes>`. A responder chooses the body and its
/// content type; the edge adds what every refusal carries, whoever renders it: `Retry-After`, the
/// rejection's own headers such as `WWW-Authenticate`, `Cache-Control: no-store`, and the rejection
/// itself in the response's extensions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot render a rejection",
    note = "use `ProblemJson`, or a function `fn(&Rejection) -> http::Response<bytes::Bytes>`"
)]
pub trait Respond: Send + Sync + 'static {
    /// Renders the rejection.
    fn respond(&self, rejection: &Rejection) -> Response<Bytes>;
}

impl<F> Respond for F
where
    F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection) -> Response<Bytes> {
        self(rejection)
    }
}

/// The default [`Respond`]: `application/problem+json` as in RFC 9457.
///
/// ```json
/// {"type":"urn:portcullis:problem:unauthenticated","title":"Valid credentials are required",
///  "status":401,"request_id":"0198c5f6-0b3c-7a10-9d2e-6a1d3f0b8c11"}
/// ```
///
/// `detail` and `violated-policies` are there where a layer has something to say.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ProblemJson;

/// What is the same for all rejections of a kind.
#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
}

/// What is said of one rejection.
#[derive(Serialize)]
struct Occurrence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: &'a [Cow<'static, str>],
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    request_id: Option<&'a RequestId>,
}

/// Renders a rejection and adds what every refusal carries.
pub fn refuse(respond: &dyn Respond, rejection: Rejection) -> Response<Bytes> {
    let mut response = respond.respond(&rejection);
    let headers = response.headers_mut();
    for (name, _) in rejection.headers() {
        headers.remove(name);
    }
    for (name, value) in rejection.headers() {
        headers.append(name, value.clone());
    }
    if let Some(seconds) = rejection.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response.extensions_mut().insert(rejection);
    response
}

// ===== impl ProblemJson =====

impl ProblemJson {
    /// Creates the default responder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Respond for ProblemJson {
    fn respond(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(problem(rejection)));
        *response.status_mut() = rejection.kind().status();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

/// Returns the problem as JSON. Strings and numbers: this cannot fail.
fn problem(rejection: &Rejection) -> Vec<u8> {
    let mut json = Vec::with_capacity(USUAL_LENGTH);
    json.extend_from_slice(common(rejection.kind()));
    let occurrence = Occurrence {
        detail: rejection.detail(),
        violated_policies: rejection.violated_policies(),
        request_id: rejection.request_id(),
    };
    let seam = json.len();
    let _ = serde_json::to_writer(&mut json, &occurrence);
    // Two objects become one.
    if json.get(seam + 1) == Some(&b'}') {
        json.truncate(seam);
        json.push(b'}');
    } else if let Some(brace) = json.get_mut(seam) {
        *brace = b',';
    }
    json
}

/// Returns what is the same for all rejections of a kind, as an object that is still open.
fn common(kind: RejectionKind) -> &'static [u8] {
    static COMMON: LazyLock<Vec<(RejectionKind, Vec<u8>)>> = LazyLock::new(|| {
        let open = |kind: RejectionKind| {
            let problem = Problem {
                r#type: kind.problem_type(),
                title: kind.title(),
                status: kind.status().as_u16(),
            };
            let mut json = serde_json::to_vec(&problem).unwrap_or_default();
            json.pop();
            (kind, json)
        };
        RejectionKind::ALL.map(open).into()
    });
    let found = COMMON.iter().find(|(known, _)| *known == kind);
    found.map_or(b"", |(_, json)| json)
}

fn as_text<S: Serializer>(id: &Option<&RequestId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => {
            id.with_text(|text| serializer.serialize_str(str::from_utf8(text).unwrap_or_default()))
        }
        None => serializer.serialize_none(),
    }
}

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A problem is about 200 bytes.
const USUAL_LENGTH: usize = 256;
