//! How many connections there may be.

use super::*;

#[tokio::test(start_paused = true)]
async fn more_connections_than_the_limit_are_closed_at_once_and_a_place_that_is_left_is_taken() {
    let server = server().max_connections(2).max_client_connections(2);
    let connections = server.connections();
    let endless = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
    let first = Client::sending(&connections, endless).await;
    let _second = Client::sending(&connections, endless).await;
    tokio::task::yield_now().await;

    assert_took(Client::new(&connections).closed().await, Duration::ZERO);
    drop(first.io);
    first.served.await.unwrap();
    let mut next = Client::sending(&connections, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    next.read_until(b"ok").await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_longest_makes_room_and_who_is_served_never_does() {
    let server = server().max_connections(4).max_client_connections(9);
    let connections = server.connections();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let served = Client::sending(&connections, slow).await;
    tokio::time::sleep(SECOND).await;
    let silent = Client::new(&connections);
    tokio::time::sleep(SECOND).await;
    let half = Client::sending(&connections, b"GET / HTTP").await;
    tokio::time::sleep(SECOND).await;
    let mut kept = Client::sending(&connections, request).await;
    kept.read_until(b"ok").await;

    for (evicted, waited) in [(silent, 2), (half, 1), (kept, 0)] {
        let mut probe = Client::sending(&connections, request).await;
        probe.read_until(b"ok").await;
        drop(probe.io);
        probe.served.await.unwrap();
        assert_took(evicted.closed().await, waited * SECOND);
        // The place that the probe left.
        std::mem::forget(Client::sending(&connections, slow).await);
        tokio::task::yield_now().await;
    }
    assert_took(Client::new(&connections).closed().await, Duration::ZERO);
    assert!(served.read_to_end().await.0.len() > 4);
}

#[tokio::test(start_paused = true)]
async fn who_has_not_read_all_of_its_response_makes_no_room() {
    let large1 = b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
    let settings = frame(4, 0, 0, &[&[0, 4][..], &1000_u32.to_be_bytes()].concat());
    let preface = &crate::serve::wire::PREFACE[..];
    let small2 = [preface, &settings, &get(1, "/fifteen")].concat();
    for asked in [large1, small2] {
        let server = server().max_connections(1);
        let connections = server.connections();
        let client = Client::sending(&connections, &asked).await;
        tokio::time::sleep(SECOND).await;

        assert_took(Client::new(&connections).closed().await, Duration::ZERO);
        assert!(!client.served.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_sent_a_part_of_a_request_in_http2_makes_room() {
    let whole = get(1, "/endless");
    let mut without_end = whole.clone();
    without_end[4] &= !4;
    for part in [&whole[..9], &whole[..15], &without_end] {
        let server = server().max_connections(1).max_client_connections(9);
        let connections = server.connections();
        let client = Client::sending(&connections, &[&hello(), part].concat()).await;
        tokio::time::sleep(SECOND).await;

        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut next = Client::sending(&connections, request).await;
        next.read_until(b"ok").await;
        assert_took(client.closed().await, SECOND);
    }
}

/// A request that comes while its connection makes room is not served, or the limit would be none.
#[tokio::test(start_paused = true)]
async fn who_makes_room_and_sends_a_request_then_does_not_stay() {
    let server = server().max_connections(2).max_client_connections(1);
    let connections = server.connections();
    let mut all: Vec<Client> = Vec::new();
    for number in 0..50 {
        if let Some(last) = all.last_mut() {
            let endless = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
            last.io.write_all(endless).await.unwrap();
        }
        all.push(Client::from(&format!("192.0.2.{number}:1"), &connections));
        tokio::time::sleep(SECOND / 100).await;
    }

    let alive = all.iter().filter(|client| !client.served.is_finished());
    assert!(alive.count() <= 2);
}

/// A burst is counted as it comes, and not when it is served.
#[tokio::test(start_paused = true)]
async fn a_client_with_a_burst_makes_nobody_go() {
    let server = server().max_connections(40);
    let connections = server.connections();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut others = Vec::new();
    for number in 0..19 {
        let mut other = Client::from(&format!("192.0.2.{number}:1"), &connections);
        other.io.write_all(request).await.unwrap();
        other.read_until(b"ok").await;
        others.push(other);
    }
    let burst: Vec<_> = (0..100)
        .map(|_| Client::from("198.51.100.1:1", &connections))
        .collect();
    tokio::time::sleep(SECOND).await;

    assert!(others.iter().all(|other| !other.served.is_finished()));
    assert_eq!(
        burst
            .iter()
            .filter(|client| !client.served.is_finished())
            .count(),
        20
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_with_too_many_makes_nobody_go() {
    let server = server().max_connections(3).max_client_connections(2);
    let connections = server.connections();
    let victim = Client::from("192.0.2.9:1", &connections);
    let _attacker = [
        Client::from("192.0.2.1:1", &connections),
        Client::from("192.0.2.1:2", &connections),
    ];
    tokio::task::yield_now().await;
    let third = Client::from("192.0.2.1:3", &connections);

    assert_took(third.closed().await, Duration::ZERO);
    assert_took(victim.closed().await, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_client_has_its_share_which_is_half_unless_told() {
    let server = server().max_connections(4);
    let connections = server.connections();
    let _one = [
        Client::from("[2001:db8::1]:1", &connections),
        Client::from("[2001:db8::ffff:0:2]:2", &connections),
    ];
    tokio::task::yield_now().await;
    let same = Client::from("[2001:db8::3]:3", &connections);
    assert_took(same.closed().await, Duration::ZERO);
    let other = Client::from("[2001:db8:0:1::1]:1", &connections);
    assert_took(other.closed().await, 10 * SECOND);
    let refused = server.counts().counts();
    let refused = refused.iter().find(|count| {
        count.name.ends_with("connections_refused") && count.labels[0].1 == "client_full"
    });
    assert_eq!(refused.unwrap().value, 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_beyond_what_a_clock_can_hold_is_no_limit() {
    let server = server()
        .header_timeout(Duration::MAX)
        .handshake_timeout(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .write_timeout(Duration::MAX)
        .max_age(SECOND, Duration::MAX);
    let request = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let client = Client::sending(&server.connections(), request).await;

    assert!(client.read_to_end().await.0.ends_with(b"slow"));
}

#[tokio::test(start_paused = true)]
async fn what_is_zero_is_refused_in_one_line() {
    let server = server().max_connections(0).idle_timeout(Duration::ZERO);
    let error = server.shutdown_on(async {}).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "idle_timeout is zero; max_connections is zero; the server has no listener and no accept loop"
    );
}

#[tokio::test(start_paused = true)]
async fn streams_over_the_limit_are_refused() {
    let server = server().max_streams(3);
    let mut all = hello();
    for stream in 0..4 {
        all.extend(get(2 * stream + 1, "/endless"));
    }
    let mut client = Client::sending(&server.connections(), &all).await;
    let reset = hostile::read_frame(&mut client, 3).await;

    assert_eq!(reset.stream, 7);
    assert_eq!(reset.payload, [0, 0, 0, 7], "REFUSED_STREAM");
}

/// Fails as a listener does that is out of descriptors, and then gives one connection.
struct Failing {
    failures: u32,
    given: Option<DuplexStream>,
    asked: tokio::sync::mpsc::UnboundedSender<Duration>,
    began: Instant,
}

impl crate::serve::Listener for Failing {
    type Io = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, SocketAddr)> {
        self.asked.send(self.began.elapsed()).unwrap();
        if self.failures > 0 {
            self.failures -= 1;
            return Err(std::io::Error::other("too many open files"));
        }
        match self.given.take() {
            Some(io) => Ok((io, ([127, 0, 0, 1], 1).into())),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_is_asked_again_less_and_less_often() {
    let (mut io, theirs) = duplex(1024);
    let (asked, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let listener = Failing {
        failures: 12,
        given: Some(theirs),
        asked,
        began: Instant::now(),
    };
    let server = server().header_timeout(60 * SECOND);
    let silent = Client::new(&server.connections());
    tokio::spawn(server.listen(listener).into_future());
    io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();

    assert!(answer.ends_with("ok"), "{answer}");
    let mut times = Vec::new();
    while let Ok(time) = seen.try_recv() {
        times.push(time);
    }
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[..8].is_sorted(), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= SECOND + TICK), "{waits:?}");
    assert!(times[12] >= 4 * SECOND, "{times:?}");
    assert!(silent.closed().await < 10 * SECOND, "it made room");
}

/// Each of its clients is gone before it is accepted.
struct Resets;

impl crate::serve::Listener for Resets {
    type Io = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, SocketAddr)> {
        Err(std::io::ErrorKind::ConnectionReset.into())
    }
}

#[tokio::test]
async fn a_listener_whose_clients_are_all_gone_lets_others_have_their_turn() {
    let stop = tokio::time::sleep(Duration::from_millis(20));
    server().listen(Resets).shutdown_on(stop).await.unwrap();
}
