//! What may be used once.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_core::{ManualClock, Noted, Principal, Reason, ReplayNote, ReplayStore, WallClock};
use portcullis_test::text;
use proptest::prelude::*;

use super::{NOW, ask, keys, layer, policy, reason, signed, signer};
use crate::signature::{
    MemoryReplays, SignatureLayer, SignaturePolicy, Signer, SigningKey, replays,
};

fn note(number: u128, now: u64, until: u64) -> ReplayNote {
    ReplayNote::new(number.to_be_bytes(), now, until)
}

fn is_first(store: &impl ReplayStore, note: &ReplayNote) -> bool {
    matches!(store.note(note), Noted::First)
}

#[tokio::test]
async fn g07_a_nonce_is_used_once() {
    let layer = layer(policy().single_use(MemoryReplays::new(10)));
    let signer = signer().nonce(true);
    let request = signed(&signer, "{}");

    assert_eq!(ask(&layer, request.clone()).await.status(), 200);
    let again = ask(&layer, request).await;
    assert_eq!(
        (again.status().as_u16(), reason(&again)),
        (401, Some(Reason::Replayed))
    );
    assert_eq!(ask(&layer, signed(&signer, "{}")).await.status(), 200);
}

#[tokio::test]
async fn g07_without_a_store_a_request_can_be_sent_again() {
    let request = signed(&signer().nonce(true), "{}");
    for _ in 0..2 {
        assert_eq!(ask(&layer(policy()), request.clone()).await.status(), 200);
    }
}

#[tokio::test]
async fn g07_servers_with_one_store_use_a_nonce_once() {
    let store = MemoryReplays::new(10);
    let servers = [(); 2].map(|()| layer(policy().single_use(store.clone())));
    let request = signed(&signer().nonce(true), "{}");

    assert_eq!(ask(&servers[0], request.clone()).await.status(), 200);
    assert_eq!(ask(&servers[1], request).await.status(), 401);
}

/// The next second begins between the look at the date and the use of the nonce.
#[tokio::test]
async fn a_nonce_is_used_once_at_the_last_second_too() {
    let date = ManualClock::new(NOW);
    let clock = WallClock::from(&date);
    let keys = {
        let (date, key) = (
            date.clone(),
            super::key().verifying_key(Principal::new("alice")),
        );
        move |_: &str| {
            date.advance(Duration::from_secs(1));
            Some(key.clone())
        }
    };
    let policy = SignaturePolicy::new().clock(clock.clone());
    let policy = policy.single_use(MemoryReplays::new(10));
    let layer = SignatureLayer::try_new(keys, policy).unwrap();
    let request = signed(&signer().nonce(true).clock(clock), "{}");

    assert_eq!(ask(&layer, request.clone()).await.status(), 200);
    date.advance(Duration::from_secs(329));
    let again = ask(&layer, request).await;
    assert_eq!(reason(&again), Some(Reason::Replayed));
}

/// Servers that share a store don't read the same clock.
#[test]
fn a_nonce_is_remembered_longer_than_it_is_good() {
    let store = MemoryReplays::new(10);
    let used = |now| replays::note("signature", "key-1", "n", now, NOW + 330);

    assert!(is_first(&store, &used(NOW)));
    for late in [NOW + 331, NOW + 340] {
        assert!(is_first(&store, &note(late.into(), late, late)));
        assert!(!is_first(&store, &used(late)), "{late}");
    }
}

#[tokio::test]
async fn a_nonce_is_required_where_it_is_used_once() {
    let layer = layer(policy().single_use(MemoryReplays::new(10)));
    let without = ask(&layer, signed(&signer(), "{}")).await;

    assert_eq!(reason(&without), Some(Reason::Incomplete));
}

#[tokio::test]
async fn a_nonce_belongs_to_its_key() {
    let other = SigningKey::hmac_sha256("8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2q").unwrap();
    let keys = keys().and("key-2", other.verifying_key(Principal::new("bob")));
    let policy = policy().single_use(MemoryReplays::new(10));
    let layer = SignatureLayer::try_new(keys, policy).unwrap();
    let with_nonce = |id: &str, key: &SigningKey| {
        let (mut head, body) = signed(&signer(), "{}").into_parts();
        let input = format!(
            "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created={NOW};keyid=\"{id}\";nonce=\"n\""
        );
        let request = super::with_input(
            http::Request::from_parts(head.clone(), body.clone()),
            &input,
        );
        head = request.into_parts().0;
        let base = super::super::message::Message::incoming(&head, None);
        let found = super::super::fields::Signed::find(&head.headers, None).unwrap();
        let base = base.base(&found.components, &found.input).unwrap();
        let signature = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            key.sign(base.as_bytes()).unwrap(),
        );
        head.headers
            .insert("signature", format!("sig=:{signature}:").parse().unwrap());
        http::Request::from_parts(head, body)
    };

    assert_eq!(
        ask(&layer, with_nonce("key-1", &super::key()))
            .await
            .status(),
        200
    );
    assert_eq!(ask(&layer, with_nonce("key-2", &other)).await.status(), 200);
    assert_eq!(ask(&layer, with_nonce("key-2", &other)).await.status(), 401);
}

#[tokio::test]
async fn who_has_no_key_uses_up_no_nonce() {
    let store = MemoryReplays::new(10);
    let layer = layer(policy().single_use(store.clone()));
    let wrong = Signer::try_new(
        "key-1",
        SigningKey::hmac_sha256("Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2q8").unwrap(),
    )
    .unwrap();
    let wrong = wrong.nonce(true).clock(WallClock::from(&*super::CLOCK));

    assert_eq!(ask(&layer, signed(&wrong, "{}")).await.status(), 401);
    assert!(store.is_empty());
    assert_eq!(
        ask(&layer, signed(&signer().nonce(true), "{}"))
            .await
            .status(),
        200
    );
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn a_store_that_is_full_refuses_and_forgets_nothing() {
    let date = ManualClock::new(NOW);
    let clock = WallClock::from(&date);
    let policy = SignaturePolicy::new().clock(clock.clone());
    let layer = layer(policy.single_use(MemoryReplays::new(2)));
    let signer = signer().nonce(true).clock(clock);
    let first = signed(&signer, "{}");
    assert_eq!(ask(&layer, first.clone()).await.status(), 200);
    assert_eq!(ask(&layer, signed(&signer, "{}")).await.status(), 200);

    let refused = ask(&layer, signed(&signer, "{}")).await;
    assert_eq!(
        (refused.status().as_u16(), reason(&refused)),
        (503, Some(Reason::Unavailable))
    );
    date.advance(Duration::from_secs(340));
    assert_eq!(ask(&layer, first.clone()).await.status(), 401);
    assert_eq!(ask(&layer, signed(&signer, "{}")).await.status(), 503);
    date.advance(Duration::from_secs(1));
    assert_eq!(ask(&layer, signed(&signer, "{}")).await.status(), 200);
    assert_eq!(ask(&layer, first).await.status(), 401, "too old");
}

/// A store that is somewhere else.
#[derive(Clone, Default)]
struct Remote {
    used: Arc<Mutex<Vec<[u8; 16]>>>,
    is_down: bool,
}

impl ReplayStore for Remote {
    fn note(&self, note: &ReplayNote) -> Noted {
        let (remote, key) = (self.clone(), note.key);
        Noted::wait(async move {
            tokio::task::yield_now().await;
            if remote.is_down {
                return Err("no route");
            }
            let mut used = remote.used.lock().unwrap();
            let is_first = !used.contains(&key);
            used.push(key);
            Ok(is_first)
        })
    }
}

#[tokio::test]
async fn a_store_may_be_somewhere_else() {
    let layer = layer(policy().single_use(Remote::default()));
    let request = signed(&signer().nonce(true), "{}");

    let response = ask(&layer, request.clone()).await;
    assert_eq!(text(response).await, "alice: {}");
    assert_eq!(reason(&ask(&layer, request).await), Some(Reason::Replayed));
}

#[tokio::test]
async fn a_store_that_is_down_opens_nothing() {
    let down = Remote {
        is_down: true,
        ..Remote::default()
    };
    let layer = layer(policy().single_use(down));
    let response = ask(&layer, signed(&signer().nonce(true), "{}")).await;

    assert_eq!(response.status(), 503);
    assert!(!text(response).await.contains("no route"));
}

#[test]
fn g08_a_million_nonces_stay_in_bounded_memory() {
    let store = MemoryReplays::new(100_000);
    let firsts = (0..1_000_000).filter(|n| is_first(&store, &note(*n, NOW, NOW + 330)));
    assert_eq!(firsts.count(), 100_000);
    assert_eq!(store.len(), 100_000);

    // A thousand a second for as long as it takes: those that are too old make room.
    let store = MemoryReplays::new(400_000);
    let most = (0..1_000_000_u64).map(|n| {
        let now = NOW + n / 1000;
        assert!(is_first(&store, &note(n.into(), now, now + 330)), "{n}");
        store.len()
    });
    let most = most.max().unwrap();
    assert!((330_000..=332_000).contains(&most), "{most}");
}

#[test]
fn a_nonce_is_remembered_to_the_last_second_and_free_after_it() {
    let store = MemoryReplays::new(1);
    assert!(is_first(&store, &note(1, NOW, NOW + 10)));
    assert!(matches!(
        store.note(&note(1, NOW + 10, NOW + 20)),
        Noted::Again
    ));
    assert!(is_first(&store, &note(1, NOW + 11, NOW + 21)));
    assert!(matches!(
        store.note(&note(1, NOW + 21, NOW + 31)),
        Noted::Again
    ));
    assert_eq!(store.len(), 1);
}

proptest! {
    /// Whatever comes, the store says what one that forgets nothing would say.
    #[test]
    fn the_store_is_a_set_with_an_end(
        notes in proptest::collection::vec((0..20_u128, 0..3_u64, 1..10_u64), 0..300),
    ) {
        let store = MemoryReplays::new(1000);
        let mut model: std::collections::HashMap<u128, u64> = Default::default();
        let mut now = NOW;
        for (number, passes, lifetime) in notes {
            now += passes;
            let note = note(number, now, now + lifetime);
            let expected = model.get(&number).is_none_or(|until| *until < now);
            prop_assert_eq!(is_first(&store, &note), expected);
            if expected {
                model.insert(number, now + lifetime);
            }
        }
    }
}
