//! The marketplace under load: 100 log-ins, 500 readings of the feed and 50 posts in each second, beside
//! 100 people who stay connected. At a fixed rate, whatever the answers take, so that a slow one counts
//! for all that wait behind it.

#![expect(clippy::print_stdout, reason = "it reports")]

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use portcullis::Quota;
use portcullis_tests::net::{Client, Server, request};
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::{Config, ENOUGH, bearer, send};

/// What came of one kind of request.
struct Kind {
    name: &'static str,
    times: Vec<Duration>,
    errors: usize,
}

// ===== impl Kind =====

impl Kind {
    fn line(&mut self) -> String {
        self.times.sort_unstable();
        let at = |part: f64| self.times[(self.times.len() as f64 * part) as usize];
        format!(
            "{}: {} requests, {} errors, p50 {:?}, p95 {:?}, p99 {:?}",
            self.name,
            self.times.len(),
            self.errors,
            at(0.5),
            at(0.95),
            at(0.99)
        )
    }
}

/// Sends so many requests a second on some connections.
async fn load(
    name: &'static str,
    rate: u32,
    seconds: u32,
    address: std::net::SocketAddr,
    token: Arc<str>,
) -> Kind {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Arc::new(Mutex::new(Client::http1(address).await)));
    }
    let (started, mut all) = (Instant::now(), JoinSet::new());
    for number in 0..rate * seconds {
        let due = started + Duration::from_secs(1) * number / rate;
        sleep_until(due).await;
        let client = Arc::clone(&clients[number as usize % CONNECTIONS]);
        let token = Arc::clone(&token);
        all.spawn(async move {
            let mut client = client.lock().await;
            let authorized = [("authorization", &*token)];
            let status = match name {
                "log-in" => {
                    send(&mut client, "/login", &[], b"alice:right")
                        .await
                        .status
                }
                "post" => {
                    send(&mut client, "/posts", &authorized, b"hello")
                        .await
                        .status
                }
                _ => client.ask(request("/feed", &authorized)).await.status,
            };
            (due.elapsed(), status == 200)
        });
    }
    let done = all.join_all().await;
    Kind {
        name,
        errors: done.iter().filter(|(_, is_right)| !is_right).count(),
        times: done.into_iter().map(|(time, _)| time).collect(),
    }
}

/// Keeps a WebSocket, and sends something each second.
async fn stay(address: std::net::SocketAddr, token: Arc<str>, seconds: u32) -> bool {
    let mut request = format!("ws://{address}/live")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("authorization", token.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let hello = socket.next().await.unwrap().unwrap();
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        socket.send(Message::text("tick")).await.unwrap();
        let answer = tokio::time::timeout(ENOUGH, socket.next()).await;
        if !matches!(answer, Ok(Some(Ok(Message::Text(_))))) {
            return false;
        }
    }
    hello == Message::text("alice")
}

async fn run(seconds: u32) -> (Vec<Kind>, usize) {
    let config = Config {
        quota: Quota::per_second(1_000_000),
        ..Config::PRODUCTION
    };
    let server = Server::start(config.app().unwrap()).await;
    let address = server.address();
    let token: Arc<str> = bearer(&mut Client::http1(address).await).await.into();
    let mut connected = JoinSet::new();
    for _ in 0..PEOPLE {
        connected.spawn(stay(address, Arc::clone(&token), seconds));
    }
    let kinds = [("log-in", 100), ("feed", 500), ("post", 50)]
        .map(|(name, rate)| tokio::spawn(load(name, rate, seconds, address, Arc::clone(&token))));
    let mut all = Vec::new();
    for kind in kinds {
        all.push(kind.await.unwrap());
    }
    let stayed = connected.join_all().await;
    (all, stayed.into_iter().filter(|stayed| *stayed).count())
}

async fn report(seconds: u32) {
    let started = Instant::now();
    let (mut kinds, stayed) = run(seconds).await;
    println!(
        "{seconds} s, {stayed} of {PEOPLE} WebSockets to the end, {:?}",
        started.elapsed()
    );
    for kind in &mut kinds {
        println!("{}", kind.line());
        assert_eq!(kind.errors, 0);
    }
    assert_eq!(stayed, PEOPLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_a_wrong_answer_for_two_seconds() {
    report(2).await;
}

/// `cargo nextest run --release -p portcullis-tests --test access --run-ignored only --no-capture`.
#[ignore = "half a minute: it reports times"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_a_wrong_answer_for_half_a_minute() {
    report(30).await;
}

const CONNECTIONS: usize = 16;
const PEOPLE: usize = 100;
