//! Clients that do not end.

use super::*;
use crate::serve::wire::PREFACE;

#[tokio::test(start_paused = true)]
async fn whoever_sends_no_whole_head_is_closed_at_the_header_timeout() {
    let server = server().header_timeout(2 * SECOND);
    let connections = server.connections();
    let half_a_get = get(1, "/");
    let no_end = frame(1, 0x1, 1, b"\x82\x86");
    let tls_hello = [&[22, 3, 1, 2, 0, 1, 0][..], &[7; 100]].concat();
    let mut shapes: Vec<Vec<u8>> = (0..PREFACE.len())
        .map(|end| PREFACE[..end].into())
        .collect();
    shapes.push(PREFACE.into());
    shapes.push([hello(), half_a_get[..12].to_vec()].concat());
    shapes.push([hello(), half_a_get[..8].to_vec(), no_end.clone()].concat()[..].into());
    shapes.push([hello(), no_end].concat());
    shapes.push(b"GET / HTTP/1.1\r\nhost: loc".into());
    shapes.push(b"\r\n\r\n\r\n".into());
    for shape in shapes {
        let client = Client::sending(&connections, &shape).await;
        let took = client.closed().await;

        assert!(took <= 2 * SECOND + TICK, "{took:?}: {shape:?}");
    }
    // Garbage is refused at once.
    let (seen, took) = Client::sending(&connections, &tls_hello)
        .await
        .read_to_end()
        .await;
    assert!(seen.starts_with(b"HTTP/1.1 400 "), "{seen:?}");
    assert!(took <= 2 * SECOND + TICK);
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_gives_no_more_time() {
    let server = server().header_timeout(2 * SECOND);
    for trickle in [&b"x-a: b\r\n"[..], b"\r\n", b"P"] {
        let start: &[u8] = if trickle == b"P" {
            b""
        } else {
            b"GET / HTTP/1.1\r\n"
        };
        let mut client = Client::sending(&server.connections(), start).await;
        let began = Instant::now();
        while !client.served.is_finished() {
            tokio::time::sleep(SECOND / 4).await;
            let _ = client.io.write_all(&trickle[..1]).await;
            assert!(began.elapsed() < 3 * SECOND, "{trickle:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_the_same_time_from_its_first_byte() {
    let server = server()
        .header_timeout(2 * SECOND)
        .idle_timeout(30 * SECOND);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut client = Client::sending(&server.connections(), request).await;
    client.read_until(b"ok").await;

    tokio::time::sleep(10 * SECOND).await;
    client.io.write_all(b"G").await.unwrap();
    let took = client.closed().await;

    assert_took(took, 12 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_longer_than_a_head() {
    let server = server().header_timeout(2 * SECOND).idle_timeout(3 * SECOND);
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n";
    let mut client = Client::sending(&server.connections(), head).await;
    for _ in 0..20 {
        tokio::time::sleep(SECOND).await;
        client.io.write_all(b"x").await.unwrap();
    }

    client.read_until(&[b'x'; 20]).await;
    assert_took(client.closed().await, 23 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_asks_nothing_is_closed_when_idle() {
    let server = server().idle_timeout(30 * SECOND);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut first = Client::sending(&server.connections(), request).await;
    first.read_until(b"ok").await;
    let second = Client::sending(&server.connections(), &[hello(), get(1, "/")].concat()).await;

    assert_took(first.closed().await, 30 * SECOND);
    let (seen, took) = second.read_to_end().await;
    assert!(took <= 32 * SECOND, "{took:?}");
    assert!(has_frame(&seen, 7), "GOAWAY: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_keep_an_idle_connection() {
    let server = server().idle_timeout(30 * SECOND);
    let mut client = Client::sending(&server.connections(), &hello()).await;
    let began = Instant::now();
    while !client.served.is_finished() {
        tokio::time::sleep(5 * SECOND).await;
        let _ = client.io.write_all(&frame(6, 0, 0, &[0; 8])).await;
        let mut seen = [0; 4096];
        let _ = tokio::time::timeout(SECOND / 10, client.io.read(&mut seen)).await;
        assert!(began.elapsed() < 40 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_closed_and_who_reads_slowly_is_not() {
    let server = server().write_timeout(10 * SECOND);
    let request = b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n";
    let stuck = Client::sending(&server.connections(), request).await;
    assert_took(stuck.closed().await, 10 * SECOND);

    for (bytes, is_enough) in [(4096, true), (1024, false)] {
        let mut slow = Client::sending(&server.connections(), request).await;
        let mut piece = vec![0; bytes];
        for _ in 0..15 {
            // A pipe is not a socket: what is taken from it is room at once.
            let _ = slow.io.read_exact(&mut piece).await;
            tokio::time::sleep(5 * SECOND).await;
        }
        assert_eq!(!slow.served.is_finished(), is_enough, "{bytes} in 5 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_stays_shut_is_reset_and_its_neighbours_are_served() {
    let server = server().write_timeout(10 * SECOND);
    for window in [0_u32, 1] {
        let settings = frame(4, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat());
        let start = [&PREFACE[..], &settings, &get(1, "/large")].concat();
        let mut client = Client::sending(&server.connections(), &start).await;
        let began = Instant::now();

        let reset = read_frame(&mut client, 3).await;
        assert_eq!(reset.stream, 1);
        assert_took(began.elapsed(), 10 * SECOND);
        // Its neighbour has room.
        client.io.write_all(&get(3, "/")).await.unwrap();
        let more = frame(8, 0, 3, &100_u32.to_be_bytes());
        client.io.write_all(&more).await.unwrap();
        assert_eq!(read_frame(&mut client, 0).await.stream, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn small_answers_that_nobody_has_room_for_end_the_connection() {
    let server = server()
        .write_timeout(10 * SECOND)
        .idle_timeout(60 * SECOND);
    for (window, more) in [(1_u32, 0_u32), (1, 1)] {
        let settings = frame(4, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat());
        let asked = [&PREFACE[..], &settings, &get(1, "/fifteen"), &get(3, "/")].concat();
        let mut client = Client::sending(&server.connections(), &asked).await;
        let began = Instant::now();
        while !client.served.is_finished() {
            tokio::time::sleep(SECOND).await;
            if more > 0 {
                let update = frame(8, 0, 1, &more.to_be_bytes());
                let _ = client.io.write_all(&update).await;
            }
            assert!(began.elapsed() < 14 * SECOND, "{window}, {more}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_ends_after_what_is_under_way() {
    let server = server().max_age(50 * SECOND, 20 * SECOND);
    let request = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let client = Client::sending(&server.connections(), request).await;
    let (seen, took) = client.read_to_end().await;

    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.ends_with("slow"), "{seen}");
    assert!(seen.contains("connection: close"), "{seen}");
    assert_took(took, 60 * SECOND);

    let endless = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
    let client = Client::sending(&server.connections(), endless).await;
    assert_took(client.closed().await, 70 * SECOND);
}

pub(super) struct Seen {
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// Reads to a frame of this kind.
pub(super) async fn read_frame(client: &mut Client, wanted: u8) -> Seen {
    loop {
        let mut head = [0; 9];
        client.io.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        client.io.read_exact(&mut payload).await.unwrap();
        if head[3] == wanted {
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            return Seen { stream, payload };
        }
    }
}

/// Whether there is a frame of this kind among bytes.
pub(super) fn has_frame(mut bytes: &[u8], wanted: u8) -> bool {
    while let [a, b, c, kind, ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == wanted {
            return true;
        }
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    false
}

#[tokio::test(start_paused = true)]
async fn half_a_head_behind_whole_requests_has_the_time_of_a_head() {
    let server = server();
    let whole = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";
    for (behind, seconds) in [
        ("G", 10),
        ("GET / HTTP/1.1\r\nhos", 10),
        ("", 75),
        (whole, 75),
    ] {
        for before in [whole, post] {
            let bytes = [before, post, behind].concat();
            let client = Client::sending(&server.connections(), bytes.as_bytes()).await;
            let (seen, took) = client.read_to_end().await;
            let seen = String::from_utf8(seen).unwrap();
            assert!(seen.matches("HTTP/1.1 200").count() >= 2, "{seen}");
            assert_eq!(took.as_secs(), seconds, "{behind:?} behind {before:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunk_in_two_readings_fails_the_body_whether_it_comes_with_the_head_or_later() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in [
        "2\nab\r\n0\r\n\r\n",
        "2\r\nab\n0\r\n\r\n",
        "2;x=\ny\r\nab\r\n0\r\n\r\n",
    ] {
        for is_one in [true, false] {
            let server = server();
            let mut client = Client::sending(&server.connections(), head.as_bytes()).await;
            if !is_one {
                tokio::time::sleep(SECOND).await;
            }
            client.io.write_all(chunks.as_bytes()).await.unwrap();
            let (seen, _) = client.read_to_end().await;

            let seen = String::from_utf8(seen).unwrap();
            assert!(seen.ends_with("cut"), "{chunks:?} {is_one}: {seen:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_head_behind_a_request_in_http2_has_the_time_of_a_head() {
    let server = server();
    let mut without_end = get(3, "/");
    without_end[4] &= !4;
    for half in [&without_end[..], &get(3, "/")[..12]] {
        let asked = [&hello(), &get(1, "/endless"), half].concat();
        let client = Client::sending(&server.connections(), &asked).await;
        assert_eq!(client.closed().await.as_secs(), 10);
    }
}
