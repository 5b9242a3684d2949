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

use crate::{Event, Profile, Siege, Target};

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
    let status = match (is_free, head.contains("\r\nhost:")) {
        (false, _) => "503 Busy\r\nretry-after: 1",
        (true, true) => "200 OK",
        (true, false) => "400 Bad",
    };
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    io.write_all(answer.as_bytes()).await
}

#[tokio::test]
async fn an_attack_without_a_place_runs_again_when_others_have_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener));
    let profile = Profile::parse("[limits]\nheader_seconds = 1").unwrap();
    let target = Target::parse(&url, None).await.unwrap();
    let siege = Siege::new(target, profile).only(["A11", "A12", "B02"]);

    let report = siege
        .prepare()
        .await
        .unwrap()
        .run(std::future::pending(), |_| {})
        .await;
    server.abort();

    let said: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| (outcome.id.as_str(), outcome.verdict.name()))
        .collect();
    assert_eq!(
        said,
        [("A11", "held"), ("A12", "breached"), ("B02", "held")],
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

const PLACES: usize = 20;
