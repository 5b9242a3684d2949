//! Requests that the parser refuses.

use super::*;

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
