use std::cmp::Ordering;

use http::{HeaderMap, HeaderName, header::ACCEPT, request};

use super::rpc;

/// What the client of a refused request reads.
///
/// A client of gRPC or Connect is known by its request, not by `Accept`:
///
/// | Format | Request |
/// |---|---|
/// | [`Grpc`](Self::Grpc) | `POST` of `application/grpc`, with or without a codec (`+proto`) |
/// | [`GrpcWeb`](Self::GrpcWeb) | `POST` of `application/grpc-web`, the same |
/// | [`GrpcWebText`](Self::GrpcWebText) | `POST` of `application/grpc-web-text`, the same |
/// | [`ConnectStream`](Self::ConnectStream) | `POST` of `application/connect+proto` or `+json` |
/// | [`Connect`](Self::Connect) | another `POST` with `Connect-Protocol-Version: 1`, or a `GET` with `connect=v1` in its query |
///
/// A Connect client that sends neither version is taken for an ordinary HTTP client: by the protocol
/// it then reads the status of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `application/problem+json`, for programs. What nobody says otherwise gets.
    #[default]
    Problem,
    /// A page, for a person at a browser.
    Page,
    /// The status of a gRPC call in the head of a response with status 200 and no body (gRPC over
    /// HTTP/2, "Responses": `Trailers-Only`).
    Grpc(Codec),
    /// The status of a gRPC-Web call in the trailers frame of its body.
    GrpcWeb(Codec),
    /// The same in base64.
    GrpcWebText(Codec),
    /// The error of a unary Connect call, as JSON.
    Connect,
    /// The error of a Connect stream: its last message, in a response with status 200.
    ConnectStream(Codec),
}

/// How the messages of a call are encoded. Clients of some libraries read no response whose content
/// type has another codec than their request's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Protocol Buffers. Stands for every codec that is not known here.
    #[default]
    Proto,
    /// JSON.
    Json,
}

/// The quality of a media type, in thousandths (RFC 9110, section 12.4.2).
type Quality = u16;

// ===== impl Format =====

impl Format {
    /// Returns what the head of a request asks for.
    ///
    /// The shape of its own for a call of gRPC or Connect, see [above](Self). Else a page where `Accept` gives `text/html` a higher quality than JSON (RFC 9110, section 12.5.1).
    /// Where both are as welcome, as with `*/*`, a page if a browser navigates (`Sec-Fetch-Mode:
    /// navigate`, Fetch Metadata, section 2.3), and else a problem. A range with parameters other than
    /// `charset` is of other representations.
    #[must_use]
    pub fn preferred(head: &request::Parts) -> Self {
        Self::decided(head).unwrap_or_else(|| {
            if navigates(&head.headers) {
                Self::Page
            } else {
                Self::Problem
            }
        })
    }

    /// Returns what the kind of call and `Accept` alone ask for: cheap enough for each request.
    #[must_use]
    #[inline]
    pub fn accepted(head: &request::Parts) -> Self {
        Self::decided(head).unwrap_or_default()
    }

    /// Returns what the kind of call needs, or else what `Accept` prefers, if it does.
    #[inline]
    fn decided(head: &request::Parts) -> Option<Self> {
        rpc::format_of(head).or_else(|| Self::weighed_early(&head.headers))
    }

    #[inline]
    fn weighed_early(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(ACCEPT).iter();
        let first = lines.next()?.as_bytes();
        if lines.next().is_some() {
            return Self::weighed(headers);
        }
        match first {
            // What most programs send.
            b"*/*" => None,
            b"application/json" => Some(Self::Problem),
            accept if BROWSERS.contains(&accept) => Some(Self::Page),
            _ => Self::weighed(headers),
        }
    }

    fn weighed(headers: &HeaderMap) -> Option<Self> {
        let json = JSON.map(|json| accepted_quality(headers, json, is_charset));
        let json = json.into_iter().max().unwrap_or(0);
        match accepted_quality(headers, PAGE, is_charset).cmp(&json) {
            Ordering::Greater => Some(Self::Page),
            Ordering::Equal if json > 0 => None,
            _ => Some(Self::Problem),
        }
    }
}

fn navigates(headers: &HeaderMap) -> bool {
    headers
        .get(SEC_FETCH_MODE)
        .is_some_and(|mode| mode == "navigate")
}

/// Returns the quality that `Accept` gives a media type, in thousandths: that of the most specific
/// range that covers it (RFC 9110, section 12.5.1), and 0 where none does.
///
/// `is_own` returns `true` for a parameter that the type has too, such as `version=1.0.0`. A range
/// with another parameter is of another type.
#[must_use]
pub fn accepted_quality(
    headers: &HeaderMap,
    media_type: &str,
    is_own: impl Fn(&[u8]) -> bool,
) -> u16 {
    let lines = headers.get_all(ACCEPT).iter();
    let ranges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let covering = ranges.filter_map(|range| specificity(range, media_type, &is_own));
    let best = covering.max_by_key(|(specificity, _)| *specificity);
    best.map_or(0, |(_, quality)| quality)
}

/// Returns how closely a range covers a type, and its quality, if it does.
fn specificity(
    range: &[u8],
    media_type: &str,
    is_own: &impl Fn(&[u8]) -> bool,
) -> Option<(u16, Quality)> {
    let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let range = parts.next()?;
    let kind = media_type
        .split_once('/')
        .map_or(media_type, |(kind, _)| kind);
    let of_kind = range
        .strip_suffix(b"/*")
        .is_some_and(|own| own.eq_ignore_ascii_case(kind.as_bytes()));
    let mut specificity = if range.eq_ignore_ascii_case(media_type.as_bytes()) {
        2
    } else if of_kind {
        1
    } else if range == b"*/*" {
        0
    } else {
        return None;
    };
    for part in parts.filter(|part| !part.is_empty()) {
        if let Some(weight) = part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")) {
            return Some((specificity, parse_quality(weight)));
        }
        if !is_own(part) {
            // Of another range, such as `text/html;level=1`.
            return None;
        }
        specificity += 1;
    }
    Some((specificity, FULL))
}

fn is_charset(parameter: &[u8]) -> bool {
    let name = parameter.split(|byte| *byte == b'=').next();
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"charset"))
}

/// Reads `0.125`, of at most three decimals; what is none counts as 0.
fn parse_quality(text: &[u8]) -> Quality {
    let [whole @ (b'0' | b'1'), rest @ ..] = text else {
        return 0;
    };
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return 0,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let decimals = [100, 10, 1].iter().zip(decimals);
    let thousandths: Quality = decimals.map(|(unit, digit)| unit * digit_of(*digit)).sum();
    let quality = digit_of(*whole) * FULL + thousandths;
    if quality > FULL { 0 } else { quality }
}

fn digit_of(digit: u8) -> Quality {
    Quality::from(digit - b'0')
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const PAGE: &str = "text/html";
const JSON: [&str; 2] = ["application/problem+json", "application/json"];
const FULL: Quality = 1000;

/// What browsers send for a page (Fetch, section 2.2.7, which Safari and Firefox follow; Chromium;
/// Firefox before). Others are weighed.
pub(super) const BROWSERS: [&[u8]; 4] = [
    b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
      application/signed-exchange;v=b3;q=0.7",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,\
      image/svg+xml,*/*;q=0.8",
];
