use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Codec, Format, ProblemJson, ProblemOrPage, refuse},
    code::Code,
};
use crate::{Rejection, RejectionKind, RequestId};

fn format(method: Method, target: &str, fields: &[(&str, &str)]) -> Format {
    let request = Request::builder().method(method).uri(target);
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let (head, ()) = request.body(()).unwrap().into_parts();
    let format = Format::preferred(&head);
    assert_eq!(Format::accepted(&head), format);
    format
}

fn posted(content_type: &str) -> Format {
    format(Method::POST, "/a.B/C", &[("content-type", content_type)])
}

fn refused(format: Format) -> Response<Bytes> {
    let rejection = Rejection::new(RejectionKind::RateLimited)
        .with_detail("100 % of 5 €")
        .with_retry_after(Duration::from_millis(1500))
        .with_request_id(RequestId::parse(b"the-id").ok());
    refuse(&ProblemOrPage::new(), rejection, format)
}

fn field<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn a_call_is_known_by_its_content_type() {
    for (content_type, expected) in [
        ("application/grpc", Format::Grpc(Codec::Proto)),
        ("application/grpc+proto", Format::Grpc(Codec::Proto)),
        ("Application/GRPC+JSON", Format::Grpc(Codec::Json)),
        ("application/grpc+thrift", Format::Grpc(Codec::Proto)),
        ("application/grpc; x=y", Format::Grpc(Codec::Proto)),
        ("application/grpc-web", Format::GrpcWeb(Codec::Proto)),
        ("application/grpc-web+json", Format::GrpcWeb(Codec::Json)),
        (
            "application/grpc-web-text+proto",
            Format::GrpcWebText(Codec::Proto),
        ),
        (
            "application/connect+json",
            Format::ConnectStream(Codec::Json),
        ),
        (
            "application/connect+proto",
            Format::ConnectStream(Codec::Proto),
        ),
        ("application/connect", Format::Problem),
        ("application/grpcs", Format::Problem),
        ("application/grpc-", Format::Problem),
        ("text/grpc", Format::Problem),
        ("application/", Format::Problem),
        ("application/json", Format::Problem),
        ("application/proto", Format::Problem),
        ("application/€", Format::Problem),
    ] {
        assert_eq!(posted(content_type), expected, "{content_type}");
    }
    let get = [("content-type", "application/grpc")];
    assert_eq!(format(Method::GET, "/a.B/C", &get), Format::Problem);
}

#[test]
fn a_unary_call_of_connect_is_known_by_its_version() {
    let version = ("connect-protocol-version", "1");
    for content_type in ["application/json", "application/proto", "application/x"] {
        let fields = [("content-type", content_type), version];
        assert_eq!(format(Method::POST, "/", &fields), Format::Connect);
        assert_eq!(format(Method::PUT, "/", &fields), Format::Problem);
    }
    let later = [
        ("content-type", "application/json"),
        ("connect-protocol-version", "2"),
    ];
    assert_eq!(format(Method::POST, "/", &later), Format::Problem);
    for (target, expected) in [
        ("/a.B/C?connect=v1&encoding=json&message=x", Format::Connect),
        ("/a.B/C?encoding=json&connect=v1", Format::Connect),
        ("/a.B/C?disconnect=v1", Format::Problem),
        ("/a.B/C?connect=v11", Format::Problem),
        ("/a.B/C?", Format::Problem),
    ] {
        assert_eq!(format(Method::GET, target, &[]), expected, "{target}");
    }
}

#[test]
fn a_page_is_not_for_calls() {
    let fields = [
        ("content-type", "application/grpc"),
        ("accept", "text/html"),
    ];
    let found = format(Method::POST, "/", &fields);
    assert_eq!(found, Format::Grpc(Codec::Proto));
}

#[test]
fn a_grpc_call_is_refused_in_the_head() {
    let response = refused(Format::Grpc(Codec::Proto));

    assert_eq!(response.status(), 200);
    assert!(response.body().is_empty());
    assert_eq!(field(&response, "content-type"), "application/grpc");
    assert_eq!(field(&response, "grpc-status"), "8");
    assert_eq!(
        field(&response, "grpc-message"),
        "The quota is exceeded: 100 %25 of 5 %E2%82%AC"
    );
    assert_eq!(field(&response, "grpc-retry-pushback-ms"), "2000");
    assert_eq!(field(&response, "retry-after"), "2");
    assert_eq!(field(&response, "cache-control"), "no-store");
    assert!(!response.headers().contains_key(header::VARY));
    let rejection: &Rejection = response.extensions().get().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::RateLimited);
}

#[test]
fn a_web_call_is_refused_in_the_body() {
    let response = refused(Format::GrpcWeb(Codec::Json));
    let text = refused(Format::GrpcWebText(Codec::Proto));

    assert_eq!(response.status(), 200);
    assert_eq!(
        field(&response, "content-type"),
        "application/grpc-web+json"
    );
    assert!(!response.headers().contains_key("grpc-status"));
    let body = response.body();
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!((body[0], length as usize), (0x80, body.len() - 5));
    let lines = str::from_utf8(&body[5..]).unwrap();
    assert!(lines.starts_with("grpc-status: 8\r\ngrpc-message: The quota"));
    assert!(lines.ends_with("\r\n") && !lines.contains("\r\n\r\n"));

    assert_eq!(field(&text, "content-type"), "application/grpc-web-text");
    assert_eq!(BASE64_STANDARD.decode(text.body()).unwrap(), &body[..]);
}

#[test]
fn a_connect_call_is_refused_as_json() {
    let response = refused(Format::Connect);
    let stream = refused(Format::ConnectStream(Codec::Json));

    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "content-type"), "application/json");
    assert_eq!(field(&response, "retry-after"), "2");
    let error: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        error,
        json!({
            "code": "resource_exhausted",
            "message": "The quota is exceeded: 100 % of 5 €",
            "details": [
                {
                    "type": "google.rpc.ErrorInfo",
                    "value": "CgxSQVRFX0xJTUlURUQSCnBvcnRjdWxsaXM",
                    "debug": { "reason": "RATE_LIMITED", "domain": "portcullis" },
                },
                {
                    "type": "google.rpc.RequestInfo",
                    "value": "CgZ0aGUtaWQ",
                    "debug": { "requestId": "the-id" },
                },
                {
                    "type": "google.rpc.RetryInfo",
                    "value": "CgIIAg",
                    "debug": { "retryDelay": "2s" },
                },
            ],
        })
    );

    assert_eq!(stream.status(), 200);
    assert_eq!(field(&stream, "content-type"), "application/connect+json");
    let body = stream.body();
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!((body[0], length as usize), (0x02, body.len() - 5));
    let last: Value = serde_json::from_slice(&body[5..]).unwrap();
    assert_eq!(last, json!({ "error": error }));
}

#[test]
fn every_kind_has_the_codes_of_the_table() {
    let table = include_str!("../../../../../docs/protocols.md");
    for kind in RejectionKind::ALL {
        let code = Code::from(kind);
        let row = format!(
            "| `{}` | {} | {} `{}` | `{}`, {} |",
            kind.slug(),
            kind.status().as_u16(),
            code.number(),
            code.name().to_ascii_uppercase(),
            code.name(),
            code.status().as_u16(),
        );
        assert!(table.contains(&row), "{row}");
    }
}

#[test]
fn a_responder_for_programs_refuses_calls_as_it_always_does() {
    let rejection = Rejection::new(RejectionKind::Forbidden);
    let response = refuse(&ProblemJson::new(), rejection, Format::Grpc(Codec::Proto));

    assert_eq!(response.status(), 403);
}

proptest! {
    #[test]
    fn any_detail_is_a_message(detail in ".{0,2000}") {
        let rejection = Rejection::new(RejectionKind::Malformed).with_detail(detail.clone());
        let response = refuse(&ProblemOrPage::new(), rejection, Format::Grpc(Codec::Proto));

        let message = field(&response, "grpc-message");
        prop_assert!(message.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        let read = percent_encoding::percent_decode_str(message).decode_utf8().unwrap();
        let whole = format!("The request is malformed: {detail}");
        prop_assert!(whole.starts_with(&*read));
        let is_cut = (1021..=1024).contains(&read.len());
        prop_assert!(if whole.len() <= 1024 { read == whole } else { is_cut });
        prop_assert!(response.headers().contains_key("grpc-status-details-bin"));
    }

    #[test]
    fn no_content_type_panics(bytes: Vec<u8>, prefix in "(application/)?(grpc|connect|grpc-web)?") {
        let value = [prefix.as_bytes(), &bytes].concat();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let (mut head, ()) = Request::new(()).into_parts();
            head.method = Method::POST;
            head.headers.insert(HeaderName::from_static("content-type"), value);
            let _ = Format::accepted(&head);
        }
    }
}
