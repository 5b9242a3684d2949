//! What knows callers is down: nobody is let in, everybody is told why, and it recovers by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use portcullis::{
    AnyOf, Principal, Slot,
    api_key::{ApiKey, ApiKeyGuard, CachedKeys, KeyRecord, Lookup},
    signature::{SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey},
};
use portcullis_redis::RedisStore;
use portcullis_tests::{
    net::{Answer, Client, Server, request},
    redis::Redis,
};

fn assert_down(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(
        answer.text.contains(answer.header("x-request-id")),
        "{answer:?}"
    );
    assert_eq!(answer.header("www-authenticate"), "");
}

#[tokio::test]
async fn a_database_that_is_down_lets_nobody_in_who_is_not_known() {
    let is_down = Arc::new(AtomicBool::new(true));
    let key = ApiKey::generate("pk").unwrap();
    let record = KeyRecord::new(key.digest(), Principal::new("alice"));
    let (id, down) = (key.id().to_owned(), Arc::clone(&is_down));
    let database = move |asked: &str| {
        let found = (asked == id).then(|| record.clone());
        let down = Arc::clone(&down);
        Lookup::wait(async move {
            if down.load(SeqCst) {
                Err("connection refused at 10.0.0.5")
            } else {
                Ok(found)
            }
        })
    };
    let edge = portcullis_axum::edge().api_keys(CachedKeys::new(database));
    let routes = Router::new().route("/", get(|| async { "in" }));
    let server = Server::start(routes.layer(edge.build().unwrap())).await;
    let mut client = Client::http1(server.address()).await;
    let headers = [("x-api-key", key.expose())];

    let answer = client.ask(request("/", &headers)).await;
    assert_down(&answer);
    assert!(!answer.text.contains("10.0.0.5"), "{answer:?}");
    assert_eq!(
        client.get("/").await.status,
        401,
        "no store is needed for that"
    );
    is_down.store(false, SeqCst);
    let mut statuses = Vec::new();
    while statuses.last() != Some(&200) && statuses.len() < 60 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        statuses.push(client.ask(request("/", &headers)).await.status.as_u16());
    }
    assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
}

#[tokio::test]
async fn without_redis_no_signature_is_known_to_be_the_first() {
    let mut redis = Redis::start();
    let store = RedisStore::open(&redis.url()).unwrap();
    let key = SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2").unwrap();
    let keys = SignatureKeys::new().and("key-1", key.verifying_key(Principal::new("alice")));
    let policy = SignaturePolicy::new().single_use(store);
    let signatures = SignatureGuard::try_new(keys, policy).unwrap();
    let none = ApiKeyGuard::new(portcullis::api_key::Keys::default());
    let guard = AnyOf::new().or(none).or(signatures);
    let edge = portcullis_axum::edge().guard(Slot::Authentication, guard);
    let routes = Router::new().route("/", get(|| async { "in" }));
    let server = Server::start(routes.layer(edge.build().unwrap())).await;
    let signer = Signer::try_new("key-1", key).unwrap().nonce(true);
    let mut client = Client::http1(server.address()).await;
    let signed = || {
        let (mut head, body) = request("/", &[]).into_parts();
        signer.sign(&mut head, None).unwrap();
        http::Request::from_parts(head, body)
    };

    let once = signed();
    assert_eq!(client.ask(once.clone()).await.status, 200);
    assert_eq!(client.ask(once.clone()).await.status, 401, "a replay");
    redis.kill();
    assert_down(&client.ask(signed()).await);
    assert_down(&client.ask(once).await);
    redis.restart();
    let mut statuses = Vec::new();
    while statuses.last() != Some(&200) && statuses.len() < 60 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        statuses.push(client.ask(signed()).await.status.as_u16());
    }
    assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
}
