//! Requests that the parser refuses.

use proptest::prelude::*;

use super::*;
use crate::serve::framing::{Framing, Wrong};

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_parser_is_completed_counted_and_read_by_the_client() {
    let too_long = [b"GET /".as_slice(), &[b'a'; 70_000], b" HTTP/1.1\r\n\r\n"].concat();
    let fields = [
        b"GET / HTTP/1.1\r\nhost: a\r\n".as_slice(),
        &b"x: y\r\n".repeat(200),
        b"\r\n",
    ];
    let cases: [(&[u8], &str); 3] = [
        (b"GET / HTTP/9.9\r\n\r\n", "400 Bad Request"),
        (&too_long, "4"),
        (&fields.concat(), "431 Request Header Fields Too Large"),
    ];
    for (request, status) in cases {
        let mut server = server();
        server.settings().render = Some(std::sync::Arc::new(|status, peer| {
            let text = format!("{} from {}", status.as_u16(), peer.ip());
            let response = Response::builder()
                .status(status)
                .header("x-content-type-options", "nosniff");
            response.body(Bytes::from(text)).unwrap()
        }));
        let client = Client::sending(&server.connections(), request).await;
        let (seen, _) = client.read_to_end().await;

        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.starts_with(&format!("HTTP/1.1 {status}")), "{seen}");
        assert!(
            seen.contains("x-content-type-options: nosniff\r\n"),
            "{seen}"
        );
        assert!(seen.ends_with(" from 192.0.2.1"), "{seen}");
        let counts = server.counts().counts();
        let count = counts.iter().find(|count| count.name.ends_with("unparsed"));
        assert_eq!(count.unwrap().value, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_parsers_answers_are_changed() {
    let mut server = server();
    server.settings().render = Some(std::sync::Arc::new(|_, _| {
        Response::new(Bytes::from_static(b"refused"))
    }));
    let good = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let all = [&good[..], good, good, b"BAD\r\n\r\n", good].concat();
    let client = Client::sending(&server.connections(), &all).await;
    let (seen, _) = client.read_to_end().await;

    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(seen.matches("\r\n\r\nok").count(), 3, "{seen}");
    assert_eq!(seen.matches("HTTP/1.1 ").count(), 4, "{seen}");
    assert!(seen.ends_with("refused"), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn what_servers_in_a_row_read_differently_is_refused_wherever_it_stands() {
    let wrong: [&[u8]; 8] = [
        b"GET / HTTP/1.1\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\n",
        b"\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nX",
        b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding:chunked\r\nContent-Length:5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    let before: [&[u8]; 4] = [
        b"",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\nab\ncd\n\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4;a=b\r\na\n\nb\r\n0\r\nx: y\r\n\r\n",
    ];
    for (wrong, before) in wrong
        .iter()
        .flat_map(|wrong| before.map(|before| (wrong, before)))
    {
        let server = server();
        let bytes = [before, wrong, b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"].concat();
        let client = Client::sending(&server.connections(), &bytes).await;
        let (seen, _) = client.read_to_end().await;

        let seen = String::from_utf8(seen).unwrap();
        let answers: Vec<_> = seen.matches("HTTP/1.1 200").collect();
        assert_eq!(
            answers.len(),
            usize::from(!before.is_empty()),
            "{bytes:?}: {seen}"
        );
        assert_eq!(seen.matches("HTTP/1.1 400").count(), 1, "{bytes:?}: {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_line_that_comes_in_pieces_hides_the_next_request() {
    let inner = b"X / HTTP/1.1\r\ncontent-length: 90000\r\n\r\n";
    let bad = b"GET / HTTP/1.1\nhost: x\r\n\r\n";
    let post = b"POST / HTTP/1.1\r\nhost: a\r\n";
    let chunked = [&post[..], b"transfer-encoding: chunked\r\n\r\n"].concat();
    let blanks = [&post[..], b"content-length:", &[b' '; 60]].concat();
    let zeros = [&chunked[..], &[b'0'; 70]].concat();
    let trailers = b"3\r\nabc\r\n0\r\nX: a\n\r\nY: b\r\ncontent-length: 90000\r\n\r\n";
    let cases: [[Vec<u8>; 2]; 3] = [
        [blanks, [&b"39\r\n\r\n"[..], inner, bad].concat()],
        [
            zeros,
            [&b"29\r\n\r\n"[..], inner, b"\r\n0\r\n\r\n", bad].concat(),
        ],
        [chunked, [&trailers[..], bad].concat()],
    ];
    for pieces in cases {
        let server = server();
        let mut client = Client::new(&server.connections());
        for piece in &pieces {
            client.io.write_all(piece).await.unwrap();
            tokio::time::sleep(SECOND).await;
        }
        let (seen, _) = client.read_to_end().await;
        let seen = String::from_utf8_lossy(&seen);
        assert!(
            seen.matches("HTTP/1.1 200").count() <= 1,
            "{pieces:?}: {seen}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_an_upgrade_is_not_looked_at() {
    for (request, status) in [
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 200),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nupgrade: e\r\nconnection: upgrade\r\n\r\n",
            101,
        ),
    ] {
        let app = service_fn(move |mut req: Request<Incoming>| {
            tokio::spawn(async move {
                let io = hyper::upgrade::on(&mut req).await.unwrap();
                let (mut read, mut write) = tokio::io::split(hyper_util::rt::TokioIo::new(io));
                tokio::io::copy(&mut read, &mut write).await
            });
            let response = Response::builder().status(status).header("upgrade", "e");
            let response = response.header("connection", "upgrade");
            let body = Full::new(Bytes::new());
            std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
        });
        let server = Server::new(app).max_connections(1);
        let (mut io, theirs) = duplex(1024);
        let peer = ([192, 0, 2, 1], 1).into();
        tokio::spawn(server.connections().serve_connection(theirs, peer));
        let all = [request.as_bytes(), b"hello\nworld\n"].concat();
        io.write_all(&all).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"world\n") {
            assert!(io.read_buf(&mut seen).await.unwrap() > 0, "{seen:?}");
        }
        assert!(seen.ends_with(b"\r\n\r\nhello\nworld\n"), "{seen:?}");
        // It takes its place, and gives way to nobody.
        let (mut other, theirs) = duplex(1024);
        tokio::spawn(server.connections().serve_connection(theirs, peer));
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0);
        io.write_all(b"more\n").await.unwrap();
        io.read_exact(&mut [0; 5]).await.unwrap();
    }
}

/// A request, and what comes back of its body.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..40);
    (body, 0..4_u8, 1..10_usize).prop_map(|(body, framing, piece)| {
        let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\n".to_vec();
        match framing {
            0 => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
            }
            1 => bytes.extend(b"\r\n"),
            _ => {
                bytes.extend(b"transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(piece) {
                    bytes.extend(format!("{:X};x=\"y\"\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\nt: x\r\n\r\n");
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn right_requests_pass_however_they_are_cut(
        requests in prop::collection::vec(request(), 1..6),
        cuts in prop::collection::vec(1..50_usize, 1..9),
    ) {
        let all = requests.concat();
        let wrong = b"GET / HTTP/1.1\n";
        let mut framing = Framing::new();
        let mut rest = &all[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            prop_assert_eq!(framing.read(piece), None);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        // It knows that a head comes next.
        let at = wrong.len() - 1;
        prop_assert_eq!(framing.read(wrong), Some(Wrong::Head { at }));
    }

    #[test]
    fn framing_takes_any_bytes(bytes: Vec<u8>) {
        let mut framing = Framing::new();
        if let Some(Wrong::Head { at }) = framing.read(&bytes) {
            prop_assert_eq!(bytes[at], b'\n');
        }
    }
}
