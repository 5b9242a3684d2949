//! Compressed bodies, and bombs among them, on real connections and in memory.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    io::{Read, Write},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::post,
};
use bytes::Bytes;
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::{
    body_limit::{BodyLimit, BodyLimitLayer, BodyTooLarge, RequestBody},
    edge::GuardLayer,
};
use portcullis_test::send;
use portcullis_tests::net::{Client, Server, read};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower::{Layer, service_fn};

const MEBIBYTE: usize = 1 << 20;

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

fn encode(coding: &str, text: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoded = Vec::new();
            brotli::CompressorReader::new(text, 1 << 16, 9, 22)
                .read_to_end(&mut encoded)
                .unwrap();
            encoded
        }
        _ => zstd::stream::encode_all(text, 3).unwrap(),
    }
}

/// Text that does not shrink by more than a half.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b'a' + (state >> 60) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn limit() -> BodyLimit {
    BodyLimit::new(4 * MEBIBYTE as u64).decoded(MEBIBYTE as u64)
}

/// Answers with how much was read, and with the fields that tell of an encoding.
async fn count(request: Request<Body>) -> String {
    let fields = ["content-encoding", "content-length"];
    let told = fields.map(|name| request.headers().contains_key(name));
    match to_bytes(request.into_body(), usize::MAX).await {
        Ok(body) => format!("{} {told:?}", body.len()),
        Err(_) => "swallowed".to_owned(),
    }
}

async fn serve(limit: BodyLimit) -> Server {
    let edge = portcullis_axum::edge().body_limit(limit).build().unwrap();
    Server::start(Router::new().route("/", post(count)).layer(edge)).await
}

fn request(coding: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let request = Request::post("http://localhost/").header("host", "localhost");
    let request = request.header("content-encoding", coding);
    request.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn the_application_reads_what_was_encoded_and_nothing_of_how() {
    let server = serve(limit()).await;
    let text = noise(200_000);
    for mut client in [
        Client::http1(server.address()).await,
        Client::http2(server.address()).await,
    ] {
        for coding in ["gzip", "x-gzip", "GZIP", "deflate", "br", "zstd"] {
            let body = encode(&coding.to_lowercase(), &text);
            let answer = client.ask(request(coding, body)).await;
            assert_eq!(answer.text, "200000 [false, false]", "{coding}");
        }
        let plain = client.ask(request("identity", text.clone())).await;
        assert_eq!(plain.text, "200000 [true, true]");
    }
}

#[tokio::test]
async fn bodies_are_passed_on_as_they_are_unless_asked() {
    let server = serve(BodyLimit::new(1000)).await;
    let mut client = Client::http1(server.address()).await;
    let body = encode("gzip", b"text");
    let length = body.len();

    let answer = client.ask(request("gzip, gzip", body)).await;
    assert_eq!(answer.text, format!("{length} [true, true]"));
}

#[tokio::test]
async fn a_bomb_is_answered_with_413_whatever_the_handler_does() {
    let server = serve(limit().ratio(u64::MAX)).await;
    let zeros = vec![0; 4 * MEBIBYTE];
    for coding in CODINGS {
        let bomb = encode(coding, &zeros);
        assert!(bomb.len() < MEBIBYTE, "{coding}: {}", bomb.len());
        for mut client in [
            Client::http1(server.address()).await,
            Client::http2(server.address()).await,
        ] {
            let answer = client.ask(request(coding, bomb.clone())).await;
            assert_eq!(answer.status, 413, "{coding}");
            let detail = "at most 1048576 bytes are allowed, decoded";
            assert!(answer.text.contains(detail), "{}", answer.text);
        }
    }
}

/// A client that writes everything before it reads.
#[tokio::test]
async fn who_sends_a_bomb_reads_the_answer() {
    let limit = BodyLimit::new(16 * MEBIBYTE as u64).decoded(MEBIBYTE as u64);
    let server = serve(limit).await;
    let mut body = encode("gzip", &vec![0; 8 * MEBIBYTE]);
    // It stops at the limit, and most of what is sent comes later: more than sockets hold.
    body.extend(vec![b'x'; 12 * MEBIBYTE]);
    let mut io = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    io.write_all(head.as_bytes()).await.unwrap();
    io.write_all(&body).await.unwrap();

    let answer = read(&mut io).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn what_decodes_to_much_more_than_was_sent_is_refused_after_64_kib() {
    let server = serve(limit()).await;
    let mut client = Client::http1(server.address()).await;
    for coding in CODINGS {
        let few = encode(coding, &vec![0; 60 * 1024]);
        let answer = client.ask(request(coding, few)).await;
        assert_eq!(answer.status, 200, "{coding}");

        let many = encode(coding, &vec![0; 512 * 1024]);
        let answer = client.ask(request(coding, many)).await;
        assert_eq!(answer.status, 413, "{coding}");
        let detail = "at most 100 times what is sent is decoded";
        assert!(answer.text.contains(detail), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_sent_is_limited_too() {
    let server = serve(BodyLimit::new(1000).decoded(MEBIBYTE as u64)).await;
    let mut client = Client::http1(server.address()).await;
    let body = encode("gzip", &noise(10_000));

    let declared = client.ask(request("gzip", body.clone())).await;
    assert_eq!(declared.status, 413);
    let mut io = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n", body.len());
    let end: &[u8] = b"\r\n0\r\n\r\n";
    let sent = [head.as_bytes(), chunk.as_bytes(), &body, end].concat();
    io.write_all(&sent).await.unwrap();
    let answer = read(&mut io).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("at most 1000 bytes are allowed\""),
        "{answer}"
    );
}

#[tokio::test]
async fn a_coding_that_is_not_known_and_two_of_them_are_refused() {
    let server = serve(limit()).await;
    let mut client = Client::http1(server.address()).await;
    let twice = encode("gzip", &encode("gzip", &vec![0; 8 * MEBIBYTE]));
    for coding in [
        "gzip, gzip",
        "gzip,br",
        "compress",
        "deflate, identity, gzip",
        "*",
        "gzip;q=1",
    ] {
        let answer = client.ask(request(coding, twice.clone())).await;
        assert_eq!(answer.status, 415, "{coding}");
        assert_eq!(answer.header("accept-encoding"), "gzip, deflate, br, zstd");
    }
    let mut lines = request("gzip", twice);
    lines
        .headers_mut()
        .append("content-encoding", "gzip".parse().unwrap());
    assert_eq!(client.ask(lines).await.status, 415);
    // Of one coding, whatever is in it.
    let once = encode("gzip", &encode("gzip", b"text"));
    let length = encode("gzip", b"text").len();
    let answer = client.ask(request("gzip", once)).await;
    assert_eq!(answer.text, format!("{length} [false, false]"));
}

#[tokio::test]
async fn what_is_not_in_its_coding_is_an_error_of_the_body() {
    let server = serve(limit()).await;
    let mut client = Client::http1(server.address()).await;
    for coding in CODINGS {
        let answer = client
            .ask(request(coding, b"not encoded at all".to_vec()))
            .await;
        assert_eq!(answer.text, "swallowed", "{coding}");
    }
    let mut cut = encode("gzip", &noise(10_000));
    cut.truncate(100);
    assert_eq!(client.ask(request("gzip", cut)).await.text, "swallowed");
}

/// A reader in front may take it for more of the body, or for less.
#[tokio::test]
async fn bytes_behind_the_end_are_an_error_of_the_body_and_not_lost() {
    let server = serve(limit()).await;
    let mut client = Client::http1(server.address()).await;
    for coding in CODINGS {
        let member = encode(coding, b"a member");
        for behind in [&b"junk"[..], &member] {
            let body = [&member, behind].concat();
            let answer = client.ask(request(coding, body)).await;
            let is_whole = coding == "zstd" && behind == member && answer.text.starts_with("16 ");
            assert!(
                answer.text == "swallowed" || is_whole,
                "{coding}: {}",
                answer.text
            );
        }
    }
}

/// What a bomb takes of memory while it is read, and thrown away as it comes.
#[test]
fn a_bomb_takes_no_more_memory_than_its_decoder() {
    let zeros = vec![0; 32 * MEBIBYTE];
    for coding in CODINGS {
        let bomb = encode(coding, &zeros);
        let layer = BodyLimitLayer::from(
            BodyLimit::new(MEBIBYTE as u64)
                .decoded(24 * MEBIBYTE as u64)
                .ratio(u64::MAX),
        );
        let reads = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                if let Err(error) = frame {
                    assert!(error.is::<BodyTooLarge>(), "{error}");
                }
            }
            Ok::<_, Infallible>(Response::new(portcullis_test::Body::default()))
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let used = allocation_counter::measure(|| {
            let answer = send(layer.layer(reads), request(coding, bomb));
            assert_eq!(runtime.block_on(answer).status(), 413, "{coding}");
        });
        // zstd has its memory from C, which is not counted here.
        let most = if coding == "br" { 8 } else { 1 };
        assert!(used.bytes_max < most << 20, "{coding}: {used:?}");
    }
}

#[tokio::test]
async fn a_layer_below_another_has_a_body_that_is_decoded() {
    let inner = BodyLimitLayer::from(BodyLimit::new(5).decoded(5));
    let outer = GuardLayer::from(limit());
    let reads = service_fn(
        |request: Request<RequestBody<RequestBody<Full<Bytes>>>>| async {
            let body = request.into_body().collect().await;
            let text = body.map(|body| body.to_bytes()).unwrap_or_default();
            Ok::<_, Infallible>(Response::new(portcullis_test::Body::new(text)))
        },
    );
    let service = outer.layer(inner.layer(reads));
    let request = Request::post("/").header("content-encoding", "br");
    let body = Full::from(encode("br", b"four"));

    let answer = send(service, request.body(body).unwrap()).await;
    assert_eq!(portcullis_test::text(answer).await, "four");
}
