mod format;
mod page;
mod rpc;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde::{Serialize, Serializer};

pub use self::format::{Codec, Format, accepted_quality};
use self::rpc::{Connect, Grpc};
use crate::{Rejection, RejectionKind, RequestId};

/// Renders a [`Rejection`] as a response.
///
/// Implemented for any `Fn(&Rejection) -> Response<Bytes>`, and for any function that also takes a
/// [`Format`] once it is wrapped in [`ByFormat`]. A responder chooses the body and its content type;
/// the edge adds what every refusal carries, whoever renders it: `Retry-After`, the rejection's own
/// headers such as `WWW-Authenticate`, `Cache-Control: no-store`, and the rejection itself in the
/// response's extensions. These take the place of the responder's, but for `Vary`, which is added to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot render a rejection",
    note = "use `ProblemOrPage`, `ProblemJson`, `ByFormat`, or a function `fn(&Rejection) -> http::Response<bytes::Bytes>`"
)]
pub trait Respond: Send + Sync + 'static {
    /// Renders the rejection for a client that reads this format.
    fn respond(&self, rejection: &Rejection, format: Format) -> Response<Bytes>;

    /// Returns `true` if the format makes a difference. Else nobody looks for it, and it is
    /// [`Format::Problem`].
    fn negotiates(&self) -> bool {
        true
    }
}

impl<F> Respond for F
where
    F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection, _: Format) -> Response<Bytes> {
        self(rejection)
    }

    fn negotiates(&self) -> bool {
        false
    }
}

/// A [`Respond`] of one's own that looks at the [`Format`].
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use portcullis_core::{ByFormat, Format, ProblemOrPage, Rejection, Respond};
///
/// let respond = ByFormat(|rejection: &Rejection, format: Format| match format {
///     Format::Page => Response::new(Bytes::from(format!("<h1>{rejection}</h1>"))),
///     // Clients of gRPC and Connect read only what these protocols say.
///     _ => ProblemOrPage::new().respond(rejection, format),
/// });
/// # fn takes(_: impl portcullis_core::Respond) {}
/// # takes(respond);
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper")]
pub struct ByFormat<F>(pub F);

impl<F> Respond for ByFormat<F>
where
    F: Fn(&Rejection, Format) -> Response<Bytes> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection, format: Format) -> Response<Bytes> {
        (self.0)(rejection, format)
    }
}

/// The default [`Respond`]: a page for a person at a browser, the status of a call for clients of
/// gRPC and Connect, and [`ProblemJson`] for all others.
///
/// The page needs nothing else and runs nothing: status, title, what can be done, when to come back,
/// the request's ID. It and a problem say `Vary: accept, sec-fetch-mode` (RFC 9110, section 12.5.5).
///
/// A status has the code that goes with the [kind](RejectionKind) of the rejection, a message with its
/// title and detail, and what programs read (`google/rpc/error_details.proto`): `ErrorInfo` with the
/// kind as its reason, `RequestInfo` with the request's ID, and `RetryInfo` where it is known when to
/// come back; of gRPC also `grpc-retry-pushback-ms`. Over gRPC, gRPC-Web and in a Connect stream the
/// HTTP status is 200: whoever counts refusals looks at the [`Rejection`] in the extensions.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ProblemOrPage;

/// A [`Respond`] for programs: `application/problem+json` as in RFC 9457, whatever is accepted.
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
pub fn refuse(respond: &dyn Respond, rejection: Rejection, format: Format) -> Response<Bytes> {
    let mut response = respond.respond(&rejection, format);
    let headers = response.headers_mut();
    // What a response varies by is a list that everybody adds to.
    let replaced = rejection.headers().iter().map(|(name, _)| name);
    for name in replaced.filter(|name| **name != header::VARY) {
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

// ===== impl ProblemOrPage =====

impl ProblemOrPage {
    /// Creates the default responder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Respond for ProblemOrPage {
    fn respond(&self, rejection: &Rejection, format: Format) -> Response<Bytes> {
        let mut response = match format {
            Format::Problem => ProblemJson.respond(rejection, format),
            Format::Page => page::render(rejection),
            Format::Grpc(codec) => return Grpc::new(rejection).trailers_only(codec),
            Format::GrpcWeb(codec) => return Grpc::new(rejection).web(codec),
            Format::GrpcWebText(codec) => return Grpc::new(rejection).web_text(codec),
            Format::Connect => return Connect::new(rejection).unary(),
            Format::ConnectStream(codec) => return Connect::new(rejection).stream(codec),
        };
        response.headers_mut().insert(header::VARY, NEGOTIATED);
        response
    }
}

// ===== impl ProblemJson =====

impl ProblemJson {
    /// Creates the responder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Respond for ProblemJson {
    fn respond(&self, rejection: &Rejection, _: Format) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(problem(rejection)));
        *response.status_mut() = rejection.kind().status();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response
    }

    fn negotiates(&self) -> bool {
        false
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
const NEGOTIATED: HeaderValue = HeaderValue::from_static("accept, sec-fetch-mode");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A problem is about 200 bytes.
const USUAL_LENGTH: usize = 256;
