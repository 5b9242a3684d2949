//! A key has a quota of its own, which its file says.

use axum::{Router, routing::get};
use portcullis::{
    Quota,
    api_key::{ApiKey, KeyFile, Keys},
    rate_limit::{KeyBy, Policy, RateLimit},
};
use portcullis_tests::net::{Client, Server, request};

fn policy(keys: &Keys) -> Policy {
    let policy = Policy::new("key", Quota::per_hour(1)).by(KeyBy::api_key());
    policy.keys(keys.quotas())
}

async fn admitted(client: &mut Client, key: &ApiKey) -> usize {
    let mut admitted = 0;
    for _ in 0..10 {
        let answer = client
            .ask(request("/", &[("x-api-key", key.expose())]))
            .await;
        admitted += usize::from(answer.status == 200);
    }
    admitted
}

#[tokio::test]
async fn a_key_spends_the_quota_of_its_own_and_a_reload_changes_it() {
    let keys = ["alice", "bob", "carol"].map(|id| ApiKey::generate_with_id("pk", id).unwrap());
    let [alice, bob, carol] = &keys;
    let file = |alice_may: u32| {
        let line = |key: &ApiKey, rest: &str| {
            let (id, digest) = (key.id(), key.digest().to_hex());
            format!("keys.{id} = {{ digest = \"sha256:{digest}\"{rest} }}\n")
        };
        let quota = format!(", quota = {{ count = {alice_may}, seconds = 3600 }}");
        line(alice, &quota) + &line(bob, "") + &line(carol, "")
    };
    let path = std::env::temp_dir().join(format!("portcullis-quotas-{}.toml", std::process::id()));
    std::fs::write(&path, file(3)).unwrap();
    let store = KeyFile::open(&path).unwrap();
    let limit = RateLimit::try_new([policy(store.keys())]).unwrap();
    let edge = portcullis_axum::edge()
        .api_keys(store.clone())
        .principal_limit(limit.clone())
        .build()
        .unwrap();
    let server = Server::start(Router::new().route("/", get(|| async {})).layer(edge)).await;
    let mut client = Client::http1(server.address()).await;

    assert_eq!(admitted(&mut client, alice).await, 3);
    assert_eq!(admitted(&mut client, bob).await, 1, "the policy's");
    std::fs::write(&path, file(5)).unwrap();
    store.reload().unwrap();
    limit.set_policies([policy(store.keys())]).unwrap();
    assert_eq!(
        admitted(&mut client, alice).await,
        2,
        "three are spent of five"
    );
    assert_eq!(admitted(&mut client, carol).await, 1);
    std::fs::remove_file(&path).unwrap();
}
