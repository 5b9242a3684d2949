//! A client that forges every header, through real proxies: its address is its own, each time.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::{Router, extract::Request, routing::get};
use portcullis::{
    ClientIp, Facts,
    client_ip::{Family, ResolveClientIp, Strategy},
};
use portcullis_tests::{
    net::{Client, Server, request},
    program::free_port,
    proxies::{Proxy, SOURCE},
};

const CLIENT: [u8; 4] = [127, 0, 0, 77];

/// Of the 10,000 requests.
const EACH: usize = 10_000 / Proxy::ALL.len() + 1;

/// What the application sees: the client, and every header that claims to know it.
async fn seen(request: Request) -> String {
    let client = Facts::of(request.extensions()).get();
    let client = client.map(|ClientIp(ip)| ip.to_string());
    let claims = request.headers().iter().filter(|(name, _)| {
        let name = name.as_str().replace('_', "-");
        name.contains("forward") || name.ends_with("-ip")
    });
    let claims = claims.map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap()));
    client.unwrap() + &claims.collect::<String>()
}

async fn server(strategy: Strategy) -> Server {
    let edge = portcullis_axum::edge().client_ip(ResolveClientIp::from_strategy(strategy));
    let app = Router::new().route("/", get(seen));
    Server::start(app.layer(edge.build().unwrap())).await
}

/// Another forgery each time. Some pretend to be the proxy, or us, or to be the last hop.
fn forged(n: usize) -> Vec<(&'static str, String)> {
    let fake = format!("6.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    let lists = [
        fake.clone(),
        format!("{fake}, 127.0.0.1"),
        format!("{fake}, {SOURCE}, 127.0.0.1"),
        format!("127.0.0.1, {fake},"),
        format!("\"{fake}"),
        "unknown".to_owned(),
        format!("::ffff:{fake}"),
        format!("[::1]:80, {fake}:80"),
    ];
    let list = &lists[n % lists.len()];
    let mut headers = vec![
        ("x-forwarded-for", list.clone()),
        ("x-forwarded-for", fake.clone()),
        ("forwarded", format!("for={fake};proto=https;host=evil")),
        ("x-real-ip", fake.clone()),
        ("x_forwarded_for", fake.clone()),
        ("true-client-ip", fake.clone()),
        ("cf-connecting-ip", fake.clone()),
        ("x-client-ip", fake.clone()),
        ("x-cluster-client-ip", fake.clone()),
        ("x-original-forwarded-for", fake),
    ];
    // A proxy takes out what is named here; it must do so before it adds its own.
    if n.is_multiple_of(3) {
        headers.push(("connection", "x-forwarded-for, x-real-ip".to_owned()));
    }
    headers
}

async fn bypasses(proxy: Proxy, strategy: &Strategy, requests: usize) -> Vec<String> {
    let server = server(strategy.clone()).await;
    let running = proxy.start(free_port(), server.address());
    let address = ([127, 0, 0, 1], running.port).into();
    let mut client = Client::http1_from(CLIENT, address).await;
    let mut bypasses = Vec::new();
    for n in 0..requests {
        // nginx closes a connection after 1,000 requests.
        if n % 500 == 499 {
            client = Client::http1_from(CLIENT, address).await;
        }
        let forged = forged(n);
        let headers: Vec<_> = forged
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let answer = client.ask(request("/", &headers)).await;
        let is_right = answer.text.lines().next() == Some("127.0.0.77");
        if !is_right || answer.text.contains("6.") || answer.text.contains("evil") {
            bypasses.push(format!("{headers:?} gave {}", answer.text));
        }
    }
    bypasses
}

async fn assert_none_passes(strategy: &Strategy, each: usize) {
    for proxy in Proxy::ALL {
        let bypasses = bypasses(proxy, strategy, each).await;
        assert!(
            bypasses.is_empty(),
            "{}: {:?}",
            proxy.name(),
            bypasses.first()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_proxy_tells_the_real_address_each_time() {
    let trusted = format!("{SOURCE}, 127.0.0.1");
    let strategy = Strategy::proxies(Family::XForwardedFor, &trusted).unwrap();
    assert_none_passes(&strategy, EACH).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hop_is_enough_where_addresses_are_not_known() {
    let strategy = Strategy::hops(Family::XForwardedFor, 1).unwrap();
    assert_none_passes(&strategy, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_the_proxy_writes_over_is_enough_too() {
    // Of the three only nginx writes it, as it is set up here.
    let strategy = Strategy::header("x-real-ip", SOURCE).unwrap();
    let bypasses = bypasses(Proxy::Nginx, &strategy, 200).await;
    assert!(bypasses.is_empty(), "{:?}", bypasses.first());
}

/// The same requests show a bypass where there is one: a header that a proxy passes on untouched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_in_the_wrong_header_is_noticed() {
    let strategy = Strategy::header("true-client-ip", SOURCE).unwrap();
    let bypasses = bypasses(Proxy::Nginx, &strategy, 20).await;
    assert_eq!(bypasses.len(), 20);
}
