//! The presence service: a thousand users, one update a second each, over WebSockets and plain
//! requests alike. (That debug endpoints exist in development only is in `demo.rs`.)

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "a figure for the reader")]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::IntoResponse,
    routing::{get, post},
};
use futures_util::{SinkExt, StreamExt, future::join_all};
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::{
    Quota,
    rate_limit::{Key, Limiter},
};
use portcullis_tests::{
    clock,
    net::{Client, Server},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    time::advance,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite};

const USERS: usize = 1_000;

/// One limiter for both ways.
#[derive(Clone)]
struct Presence {
    updates: Limiter,
}

impl Presence {
    fn update(&self, user: &str) -> bool {
        self.updates.check(&Key::from_name(user)).is_ok()
    }
}

async fn plain(State(presence): State<Presence>, Path(user): Path<String>) -> StatusCode {
    if presence.update(&user) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::TOO_MANY_REQUESTS
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
    let edge = portcullis_axum::edge()
        .rate_limit(Quota::per_second(100_000))
        .in_flight(10_000)
        .build()
        .unwrap();
    Server::start(app().layer(edge)).await
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: SocketAddr, user: usize) -> Socket {
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
    let request =
        Request::post(format!("http://localhost/users/{user}")).header("host", "localhost");
    let request = request.body(Full::default()).unwrap();
    client.ask(request).await.status == StatusCode::NO_CONTENT
}

/// How many of a user's two updates, one each way, are accepted.
async fn accepted((user, (socket, client)): (usize, &mut (Socket, Client))) -> usize {
    let over = update_over(socket).await;
    let plainly = update_plainly(client, user).await;
    usize::from(over) + usize::from(plainly)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_users_send_one_update_a_second_each_whichever_way() {
    let _held = clock::hold();
    let address = server().await.address();
    let mut users = Vec::with_capacity(USERS);
    for user in 0..USERS {
        users.push((connect(address, user).await, Client::http1(address).await));
    }

    for half_second in 0..8 {
        let updates = join_all(users.iter_mut().enumerate().map(accepted)).await;
        let expected = usize::from(half_second % 2 == 0);
        assert_eq!(updates, [expected; USERS], "half second {half_second}");
        advance(Duration::from_millis(500)).await;
    }
}

/// Bytes on the heap for each user with a WebSocket and a plain connection that stays open.
///
/// The runtime has no thread but this one, and this one's bytes are counted.
fn bytes_per_user(serve: impl AsyncFnOnce() -> SocketAddr) -> i64 {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = runtime.block_on(async {
        let address = serve().await;
        let mut first = connect(address, USERS).await;
        assert!(update_over(&mut first).await);
        address
    });
    let mut users = Vec::with_capacity(USERS);
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for user in 0..USERS {
                let mut socket = connect(address, user).await;
                assert!(update_over(&mut socket).await);
                let mut client = Client::http1(address).await;
                assert!(!update_plainly(&mut client, user).await);
                users.push((socket, client));
            }
        });
    });
    counted.bytes_current / USERS as i64
}

async fn serve_plainly() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    address
}

#[test]
fn our_part_of_a_user_is_small() {
    let bare = bytes_per_user(serve_plainly);
    let edge = bytes_per_user(async || server().await.address());

    println!("a user takes {bare} bytes without an edge, {edge} with one");
    // Both ends of two connections are in each of the figures.
    assert!(
        edge - bare <= 4 * 1024,
        "as the documentation says: {edge} - {bare}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_for_five_minutes_is_forgotten() {
    let five_minutes = Quota::new(1, Duration::from_secs(300)).unwrap();
    // Of 6,000 that owe something: so many that no part of the table is full by chance.
    let limiter = Limiter::with_keys(five_minutes, 80_000);
    let bytes = limiter.bytes();
    // A thousand others each minute, for a thousand minutes.
    for minute in 0..1_000 {
        for user in 0..USERS {
            let key = Key::from_name(format!("{minute}/{user}"));
            assert!(limiter.check(&key).is_ok());
        }
        advance(Duration::from_secs(60)).await;
    }

    assert_eq!(limiter.overflows(), 0, "there was always room");
    assert_eq!(limiter.bytes(), bytes);
    assert!(
        limiter.check(&Key::from_name("999/0")).is_err(),
        "a minute ago"
    );
    assert!(
        limiter.check(&Key::from_name("994/0")).is_ok(),
        "six minutes ago"
    );
}
