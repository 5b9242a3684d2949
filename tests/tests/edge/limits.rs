//! Limits in a whole edge: by address and by principal, in flight, and changed while it serves.

use axum::{Router, body::Body, extract::Path, routing::get};
use futures_util::stream;
use http::StatusCode;
use portcullis::{
    Quota,
    api_key::{ApiKey, Keys},
    client_ip::{Family, ResolveClientIp, Strategy},
    rate_limit::{KeyBy, Policy, RateLimit},
};
use portcullis_axum::EdgeLayer;
use portcullis_tests::net::{Answer, Client, Server, request};

fn routes() -> Router {
    // A chunk at a time: the server takes no more than it can send.
    let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]);
    let hold = move |Path(chunks): Path<usize>| async move {
        Body::from_stream(stream::iter((0..chunks).map(move |_| chunk())))
    };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/chunks/{chunks}", get(hold))
        .route("/login", get(|| async { "in" }))
}

async fn ask(client: &mut Client, path: &str, key: &str) -> Answer {
    client.ask(request(path, &[("x-api-key", key)])).await
}

async fn admitted(client: &mut Client, path: &str, key: &str, requests: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(ask(client, path, key).await.status == StatusCode::OK);
    }
    admitted
}

#[tokio::test]
async fn a_principal_has_a_quota_besides_that_of_its_address() {
    let keys = [
        ApiKey::generate("pk").unwrap(),
        ApiKey::generate("pk").unwrap(),
    ];
    let store = Keys::default().and("alice", &keys[0]).and("bob", &keys[1]);
    let edge = portcullis_axum::edge()
        .api_keys(store)
        .rate_limit(Quota::per_hour(12))
        .principal_limit(Quota::per_hour(5))
        .build()
        .unwrap();
    let server = Server::start(routes().layer(edge)).await;
    let mut client = Client::http1(server.address()).await;
    let [alice, bob] = keys.each_ref().map(|key| key.expose());

    assert_eq!(admitted(&mut client, "/", alice, 7).await, 5);
    let over = ask(&mut client, "/", alice).await;
    assert_eq!(over.status, 429);
    assert!(
        over.text.contains(r#""violated-policies":["principal"]"#),
        "{}",
        over.text
    );
    assert_eq!(
        admitted(&mut client, "/", bob, 10).await,
        4,
        "the address has had its 12"
    );
    let over = ask(&mut client, "/", bob).await;
    assert!(
        over.text.contains(r#""violated-policies":["default"]"#),
        "{}",
        over.text
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_takes_its_places_and_no_more() {
    let edge = portcullis_axum::edge().in_flight(3).build().unwrap();
    let server = Server::start(routes().layer(edge)).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut client = Client::http1(server.address()).await;
        let response = client.send(request("/chunks/1000", &[])).await.unwrap();
        assert_eq!(response.status(), 200);
        slow.push((client, response));
    }
    let mut client = Client::http1(server.address()).await;
    let refused = client.get("/").await;
    assert_eq!(refused.status, 429);
    assert!(
        refused
            .text
            .contains(r#""violated-policies":["in-flight"]"#),
        "{}",
        refused.text
    );
    drop(slow);

    // The server notices when it next writes.
    let mut status = StatusCode::TOO_MANY_REQUESTS;
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        status = client.get("/").await.status;
        if status == StatusCode::OK {
            break;
        }
    }
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_limit_changes_while_it_serves_and_a_wrong_change_changes_nothing() {
    let limit = RateLimit::new(Quota::per_hour(4));
    let edge = portcullis_axum::edge()
        .rate_limit(limit.clone())
        .build()
        .unwrap();
    let server = Server::start(routes().layer(edge.clone())).await;
    let mut client = Client::http1(server.address()).await;
    assert_eq!(admitted(&mut client, "/", "", 9).await, 4);

    let more = [
        Policy::new("default", Quota::per_hour(9)),
        Policy::new("login", Quota::per_hour(2)).paths(["/login"]),
    ];
    limit.set_policies(more).unwrap();
    assert_eq!(admitted(&mut client, "/login", "", 9).await, 2);
    assert_eq!(
        admitted(&mut client, "/", "", 9).await,
        3,
        "nine less four and two"
    );

    let in_force = edge.explain();
    let wrong = [
        Policy::new("default", Quota::per_hour(1000)),
        Policy::new("default", Quota::per_hour(1)),
        Policy::new("login", Quota::per_hour(1)).paths(["login"]),
    ];
    assert_eq!(
        limit.set_policies(wrong).unwrap_err().to_string(),
        "policy \"login\": path \"login\": does not start with a slash; \
         rate limit: two policies are called \"default\""
    );
    assert_eq!(edge.explain(), in_force);
    assert_eq!(admitted(&mut client, "/", "", 9).await, 0);
}

#[tokio::test]
async fn trust_changes_while_it_serves_and_a_wrong_change_changes_nothing() {
    let client_ip = ResolveClientIp::new();
    let edge = portcullis_axum::edge()
        .client_ip(client_ip.clone())
        .rate_limit(Quota::per_hour(1))
        .build()
        .unwrap();
    let server = Server::start(routes().layer(edge.clone())).await;
    let mut client = Client::http1(server.address()).await;
    let forwarded = || request("/", &[("x-forwarded-for", "192.0.2.7")]);
    assert_eq!(client.ask(forwarded()).await.status, 200);

    let everybody = Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8, 0.0.0.0/0").unwrap();
    assert_eq!(
        client_ip.set_strategy(everybody).unwrap_err().to_string(),
        "trusted proxies: a range of length 0 trusts everybody"
    );
    assert_eq!(
        explained(&edge, "client address"),
        Strategy::peer().to_string()
    );
    assert_eq!(client.ask(forwarded()).await.status, 429, "the same client");

    let proxy = Strategy::proxies(Family::XForwardedFor, "127.0.0.1").unwrap();
    client_ip.set_strategy(proxy.clone()).unwrap();
    assert_eq!(explained(&edge, "client address"), proxy.to_string());
    assert_eq!(client.ask(forwarded()).await.status, 200, "another client");
}

#[tokio::test]
async fn what_is_in_force_is_explained_and_each_limit_changes_alone() {
    let address = RateLimit::new(Quota::per_hour(4));
    let principal = RateLimit::by_principal(Quota::per_hour(5));
    let edge = portcullis_axum::edge()
        .api_keys(Keys::default())
        .rate_limit(address.clone())
        .principal_limit(principal.clone())
        .build()
        .unwrap();
    let before = explained(&edge, "rate limit");
    let per_minute = [Policy::new("p", Quota::per_minute(7)).by(KeyBy::principal())];
    principal.set_policies(per_minute).unwrap();

    assert_eq!(
        explained(&edge, "authorization"),
        "\"p\": 7/min, burst 7 for each principal, or else address"
    );
    assert_eq!(explained(&edge, "rate limit"), before);
}

/// What an edge says that one of its parts does now.
fn explained(edge: &EdgeLayer, part: &str) -> String {
    let explanation = edge.explain();
    let line = explanation.lines().find(|line| line.name() == part);
    line.and_then(|line| line.value())
        .unwrap_or_default()
        .to_owned()
}
