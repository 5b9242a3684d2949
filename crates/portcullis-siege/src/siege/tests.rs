use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{Allowance, Error, Event, Intensity, Prepared, Profile, Siege, Target};

/// A server of few places: who comes when all are held is answered with 503.
async fn serve(listener: TcpListener) {
    let held = Arc::new(AtomicUsize::new(0));
    while let Ok((io, _)) = listener.accept().await {
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            let is_free = held.fetch_add(1, SeqCst) < PLACES;
            let _ = timeout(Duration::from_secs(1), answer(io, is_free)).await;
            held.fetch_sub(1, SeqCst);
        });
    }
}

async fn answer(mut io: TcpStream, is_free: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if io.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = head.split(' ').nth(1);
    let status = match (is_free, head.contains("\r\nhost:"), path) {
        (false, ..) => "503 Busy\r\nretry-after: 1",
        (true, false, _) => "400 Bad",
        (true, true, Some("/" | "/admin")) => "200 OK",
        (true, true, _) => "404 Not Found",
    };
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    io.write_all(answer.as_bytes()).await
}

#[tokio::test]
async fn an_attack_without_a_place_runs_again_when_others_have_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener));
    let known = "limits.header_seconds = 1\nkeys.valid = 'key-of-a-test'\nroutes.admin = '/admin'";
    let profile = Profile::parse(known).unwrap();
    let target = Target::parse(&url, None).await.unwrap();
    let siege = Siege::new(target, profile).only(["A11", "A12", "B02", "E34"]);

    let prepared = siege.prepare().await.unwrap();
    let address = url.trim_start_matches("http://");
    let mut held = Vec::new();
    for _ in 0..PLACES {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    let report = prepared.run(std::future::pending(), |_| {}).await;
    drop(held);
    server.abort();

    let said: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| (outcome.id.as_str(), outcome.verdict.name()))
        .collect();
    assert_eq!(
        said,
        [
            ("A11", "held"),
            ("A12", "breached"),
            ("B02", "held"),
            // Every answer but the last ones was a 503, as if nobody were let in.
            ("E34", "breached"),
        ],
        "{}",
        report.to_text(false)
    );
    let two_hosts = report.outcomes[1].verdict.text();
    assert!(two_hosts.contains("200"), "{two_hosts}");
}

/// A key is wanted everywhere, and `/api` is the only route behind it.
async fn closed_everywhere(listener: TcpListener) {
    while let Ok((mut io, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && io.read_buf(&mut head).await.unwrap_or(0) > 0 {}
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = match (
            head.split(' ').nth(1),
            head.contains("x-api-key: secret-of-a-test"),
        ) {
            (Some("/health"), _) | (Some("/api"), true) => "200 OK",
            (_, false) => "401 Unauthorized",
            (_, true) => "404 Not Found",
        };
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let _ = io.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn a_draft_has_a_protected_route_that_the_key_opens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(closed_everywhere(listener));
    let profile = Profile::parse("keys.valid = 'secret-of-a-test'").unwrap();
    let target = Target::parse(&url, None).await.unwrap();

    let prepared = Siege::new(target, profile).prepare().await.unwrap();
    let draft = prepared.draft().await;
    server.abort();

    assert!(draft.contains("\nprotected = \"/api\"\n"), "{draft}");
}

/// Prepares a siege of such a server with this profile.
async fn prepared(profile: &str) -> Result<Prepared, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's runtime.
    tokio::spawn(closed_everywhere(listener));
    let target = Target::parse(&url, None).await.unwrap();
    let siege = Siege::new(target, Profile::parse(profile).unwrap());
    siege.only(["C20"]).prepare().await
}

#[tokio::test]
async fn the_plan_has_all_that_is_given() {
    let profile = "keys = { valid = 'secret-of-a-test', other = 'k-of-somebody-else' }\n\
                   routes = { own = '/own', admin = '/admin' }\n\
                   sinks.log = 'a.log'\nlaunch.command = ['a']\n\
                   proxy.fronts = { nginx = 'http://127.0.0.1:1' }";
    let plan = prepared(profile).await.unwrap().plan();

    for part in [
        "a key (x-api-key), another client's key, a log, how to start one, behind nginx, ",
        "own /own",
        "admin /admin",
    ] {
        assert!(plan.contains(part), "{plan}");
    }
    assert!(
        !plan.contains("secret-of") && !plan.contains("somebody"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_refused_with_its_header() {
    let profile = "keys = { valid = 'secret-of-a-test', header = 'Authorization' }\n\
                   routes.protected = '/api'";
    let problem = prepared(profile).await.unwrap_err().to_string();

    assert!(
        problem.starts_with(
            "the valid key, sent as authorization, does not open /api: it answers 401"
        ),
        "{problem}"
    );
}

/// What HTTP/1 alone makes of HTTP/2's preface: no method that it knows.
async fn refuses_at_once(listener: TcpListener) {
    while let Ok((mut io, _)) = listener.accept().await {
        let _ = io.read(&mut [0; 1024]).await;
        let _ = io
            .write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            .await;
    }
}

#[tokio::test]
async fn a_front_of_http_1_alone_is_not_tested() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    tokio::spawn(refuses_at_once(listener));
    let profile =
        format!("keys.valid = 'secret-of-a-test'\nproxy.fronts = {{ plain = 'http://{front}' }}");
    let prepared = prepared(&profile).await.unwrap();
    let report = prepared.run(std::future::pending(), |_| {}).await;

    let outcome = &report.outcomes[0];
    assert_eq!(
        (outcome.id.as_str(), outcome.verdict.name()),
        ("C20", "not tested"),
        "{outcome:?}"
    );
    let why = outcome.verdict.text();
    assert!(why.contains("speaks HTTP/2 without TLS"), "{why}");
}

#[tokio::test]
async fn what_is_spent_before_it_begins_is_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::local(listener.local_addr().unwrap());
    tokio::spawn(closed_everywhere(listener));
    let allowed = Allowance {
        requests: 2,
        ..Intensity::Quick.allowance()
    };
    let siege = Siege::new(target, Profile::default()).allowance(allowed);
    let problem = siege.prepare().await.unwrap_err().to_string();

    assert_eq!(
        problem,
        "the budget of 2 requests is spent, before the first attack"
    );
}

/// One connection at a time: whoever sends nothing for half a second has to go.
async fn serve_one_by_one(listener: TcpListener) {
    while let Ok((io, _)) = listener.accept().await {
        let _ = timeout(Duration::from_millis(500), answer(io, true)).await;
    }
}

#[tokio::test]
async fn a_server_of_one_connection_at_a_time_is_attacked_by_one_at_a_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve_one_by_one(listener));
    let profile = Profile::parse("[limits]\nheader_seconds = 1").unwrap();
    let target = Target::parse(&url, None).await.unwrap();
    let siege = Siege::new(target, profile).only(["A11", "A16", "B02", "B15"]);

    let prepared = siege.prepare().await.unwrap();
    let running = Mutex::new((0, 0));
    let report = prepared
        .run(std::future::pending(), |event| {
            let (now, most) = &mut *running.lock().unwrap();
            match event {
                Event::Began(_) => *now += 1,
                Event::Ended(_) => *now -= 1,
            }
            *most = (*now).max(*most);
        })
        .await;
    server.abort();

    assert_eq!(*running.lock().unwrap(), (0, 1));
    assert_eq!(report.outcomes.len(), 4);
}

/// It ends with the first body that it can't parse, as a program does that throws where nobody catches.
async fn ends_with_a_body(listener: TcpListener) {
    while let Ok((mut io, _)) = listener.accept().await {
        let mut head = [0; 1024];
        let length = io.read(&mut head).await.unwrap_or(0);
        if head[..length].starts_with(b"POST") {
            return;
        }
        let _ = io
            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await;
    }
}

#[tokio::test]
async fn a_server_that_a_small_body_ends_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::local(listener.local_addr().unwrap());
    tokio::spawn(ends_with_a_body(listener));
    let profile = Profile::parse("routes = { control = '/', body = '/orders' }").unwrap();

    let problem = Siege::new(target, profile).prepare().await.unwrap_err();

    let problem = problem.to_string();
    assert!(
        problem.contains("is gone: it ended when a small body was sent to /orders"),
        "{problem}"
    );
}

const PLACES: usize = 20;
