//! Requests that the parser refuses.

use proptest::prelude::*;

use super::*;
use crate::serve::framing::Framing;

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
        prop_assert_eq!(framing.read(wrong), Some(wrong.len() - 1));
    }

    #[test]
    fn framing_takes_any_bytes(bytes: Vec<u8>) {
        let mut framing = Framing::new();
        let at = framing.read(&bytes);
        prop_assert!(at.is_none_or(|at| bytes[at] == b'\n'));
    }
}
