//! The presence service: a thousand users, one update a second each, over WebSockets and plain
//! requests alike. (That debug endpoints exist in development only is in `demo.rs`.)

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "a figure for the reader")]

use std::{
    alloc::System,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::IntoResponse,
    routing::{get, post},
};
use cpu_time::ThreadTime;
use futures_util::{SinkExt, StreamExt, future::join_all};
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::{
    Edge, Quota,
    rate_limit::{Key, Limiter},
};
use portcullis_axum::EdgeExt;
use portcullis_tests::net::{Client, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{
    net::TcpStream,
    time::{Instant, advance, sleep},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USERS: usize = 1_000;

/// One limiter for both ways.
#[derive(Clone)]
struct Presence {
    updates: Limiter,
}

impl Presence {
    fn update(&self, user: &str) -> bool {
        self.updates.check(&Key::of_name(user)).is_ok()
    }
}

async fn plain(State(presence): State<Presence>, Path(user): Path<String>) -> StatusCode {
    match presence.update(&user) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::TOO_MANY_REQUESTS,
    }
}

async fn upgraded(
    State(presence): State<Presence>,
    Path(user): Path<String>,
    upgrade: WebSocketUpgrade,
) -> impl IntoResponse {
    // The library's buffers are not what is measured here.
    let upgrade = upgrade.read_buffer_size(1024).write_buffer_size(0);
    upgrade.on_upgrade(move |socket| updates(presence, user, socket))
}

async fn updates(presence: Presence, user: String, mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.next().await {
        let said = if presence.update(&user) { "ok" } else { "wait" };
        if socket.send(Message::text(said)).await.is_err() {
            return;
        }
    }
}

fn app() -> Router {
    let updates = Limiter::new(Quota::per_second(1));
    Router::new()
        .route("/users/{user}", post(plain))
        .route("/users/{user}/ws", get(upgraded))
        .with_state(Presence { updates })
}

/// The whole edge. All users come from one address, so its own limit is wide.
async fn server() -> Server {
    let edge = Edge::new()
        .for_axum()
        .rate_limit(Quota::per_second(100_000))
        .in_flight(10_000)
        .build()
        .unwrap();
    Server::start(app().layer(edge)).await
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: std::net::SocketAddr, user: usize) -> Socket {
    let url = format!("ws://{address}/users/{user}/ws");
    let config = tungstenite::protocol::WebSocketConfig::default().read_buffer_size(1024);
    let connected = tokio_tungstenite::connect_async_with_config(url, Some(config), false).await;
    connected.unwrap().0
}

async fn update_over(socket: &mut Socket) -> bool {
    socket
        .send(tungstenite::Message::text("here"))
        .await
        .unwrap();
    socket.next().await.unwrap().unwrap().into_text().unwrap() == "ok"
}

async fn update_plainly(client: &mut Client, user: usize) -> bool {
    let request = Request::post(format!("http://localhost/users/{user}")).header("host", "a");
    let request = request.body(Full::default()).unwrap();
    client.ask(request).await.status == StatusCode::NO_CONTENT
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_users_send_one_update_a_second_each_whichever_way() {
    let server = server().await;
    let address = server.address();
    let started = Instant::now();
    let total = Arc::new(AtomicU32::new(0));
    let users = (0..USERS).map(|user| {
        let total = Arc::clone(&total);
        async move {
            let mut socket = connect(address, user).await;
            let mut client = Client::http1(address).await;
            let begun = Instant::now();
            let mut accepted = 0;
            for _ in 0..8 {
                accepted += u32::from(update_over(&mut socket).await);
                accepted += u32::from(update_plainly(&mut client, user).await);
                sleep(Duration::from_millis(400)).await;
            }
            let seconds = begun.elapsed().as_secs_f64();
            assert!(
                f64::from(accepted) <= 1.0 + seconds,
                "{accepted} in {seconds} s"
            );
            total.fetch_add(accepted, Relaxed);
        }
    });
    join_all(users.map(tokio::spawn))
        .await
        .into_iter()
        .for_each(|user| user.unwrap());

    let total = total.load(Relaxed) as usize;
    assert!(total >= USERS * 3, "{total} in {:?}", started.elapsed());
}

/// Bytes on the heap for each user with a WebSocket and a plain connection that stays open.
async fn bytes_per_user(address: std::net::SocketAddr) -> isize {
    let mut first = connect(address, USERS).await;
    assert!(update_over(&mut first).await);
    let region = Region::new(ALLOCATOR);
    let mut sockets = Vec::with_capacity(USERS);
    for user in 0..USERS {
        let mut socket = connect(address, user).await;
        assert!(update_over(&mut socket).await);
        let mut client = Client::http1(address).await;
        assert!(!update_plainly(&mut client, user).await);
        sockets.push((socket, client));
    }
    let change = region.change();
    let held = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    held / USERS as isize
}

#[tokio::test]
async fn our_part_of_a_user_is_small() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    let bare = bytes_per_user(address).await;
    let edge = bytes_per_user(server().await.address()).await;

    println!("a user takes {bare} bytes without an edge, {edge} with one");
    // Both ends of two connections are in each of the figures.
    assert!(edge - bare <= 17 * 1024, "{edge} - {bare}");
    assert!(
        edge - bare <= 4 * 1024,
        "as the documentation says: {edge} - {bare}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_for_five_minutes_is_forgotten_without_a_pause() {
    let five_minutes = Quota::new(1, Duration::from_secs(300)).unwrap();
    let limiter = Limiter::with_keys(five_minutes, 40_000);
    let bytes = limiter.bytes();
    let mut longest = Duration::ZERO;
    // A thousand others each minute, for a thousand minutes.
    for minute in 0..1_000 {
        for user in 0..USERS {
            let key = format!("{minute}/{user}");
            // The processor's time for this thread: what others do to it is no pause of ours.
            let started = ThreadTime::now();
            let admitted = limiter.check(&Key::of_name(key)).is_ok();
            longest = longest.max(started.elapsed());
            assert!(admitted);
        }
        advance(Duration::from_secs(60)).await;
    }

    assert_eq!(limiter.crowded(), 0, "there was always room");
    assert_eq!(limiter.bytes(), bytes);
    assert!(longest < Duration::from_millis(1), "{longest:?}");
    assert!(
        limiter.check(&Key::of_name("999/0")).is_err(),
        "a minute ago"
    );
    assert!(
        limiter.check(&Key::of_name("994/0")).is_ok(),
        "six minutes ago"
    );
}
