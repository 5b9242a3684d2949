//! F08, F15: an issuer cannot stop the edge. Its sets come from memory, and time is paused.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use portcullis_core::{BoxError, Guard, ManualClock, Reason};
use portcullis_test::logged;
use tokio::{
    task::yield_now,
    time::{Instant, advance},
};

use super::{
    get,
    issuer::{ISSUER, NOW, claims},
    reason,
    signer::{Signer, set},
};
use crate::jwt::{Jwt, JwtLayer, RemoteKeys, RemoteKeysBuilder};

/// What an issuer does, which can change.
#[derive(Clone)]
enum Does {
    Answers(String),
    Fails,
    Hangs,
    Panics,
}

/// An issuer in memory. Clones share it.
#[derive(Clone)]
struct Issuer {
    does: Arc<Mutex<Does>>,
    fetches: Arc<AtomicUsize>,
}

// ===== impl Issuer =====

impl Issuer {
    fn new(does: Does) -> Self {
        Self {
            does: Arc::new(Mutex::new(does)),
            fetches: Arc::default(),
        }
    }

    fn with(signer: &Signer) -> Self {
        Self::new(Does::Answers(set([signer])))
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Relaxed)
    }

    fn builder(&self) -> RemoteKeysBuilder {
        let issuer = self.clone();
        RemoteKeys::from_fn(move || {
            issuer.fetches.fetch_add(1, Relaxed);
            let does = issuer.does.lock().unwrap().clone();
            async move {
                match does {
                    Does::Answers(set) => Ok(set),
                    Does::Fails => Err(BoxError::from("no route")),
                    Does::Hangs => pending().await,
                    Does::Panics => panic!("a bug"),
                }
            }
        })
    }

    fn keys(&self) -> RemoteKeys {
        self.builder().build().unwrap()
    }

    fn layer(&self) -> JwtLayer {
        layer(self.keys())
    }
}

fn layer(keys: RemoteKeys) -> JwtLayer {
    let clock = ManualClock::new(NOW);
    JwtLayer::new(
        Jwt::builder(ISSUER, ["api"], keys)
            .clock(&clock)
            .build()
            .unwrap(),
    )
}

async fn status(layer: &JwtLayer, token: &str) -> u16 {
    get(layer, token).await.status().as_u16()
}

/// Lets time pass, and the task see it.
async fn pass(time: Duration) {
    settle().await;
    advance(time).await;
    settle().await;
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..64 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_the_first_fetch_and_no_other_fetches() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let (layer, token) = (issuer.layer(), signer.token(&claims()));

    let first = join_all((0..10).map(|_| status(&layer, &token))).await;
    assert_eq!(first, [200; 10]);
    for _ in 0..100 {
        assert_eq!(status(&layer, &token).await, 200);
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_it_is_wanted() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let keys = issuer.keys();
    pass(Duration::from_secs(1000)).await;
    assert_eq!((issuer.fetches(), keys.age()), (0, None));

    assert!(keys.ready().await);
    assert_eq!((issuer.fetches(), keys.age()), (1, Some(Duration::ZERO)));
    assert!(keys.ready().await);
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_in_the_background() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = Issuer::with(&old);
    let layer = issuer.layer();
    assert_eq!(status(&layer, &old.token(&claims())).await, 200);

    issuer.now(Does::Answers(set([&new])));
    pass(Duration::from_secs(269)).await;
    assert_eq!(issuer.fetches(), 1);
    pass(Duration::from_secs(62)).await;
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(status(&layer, &new.token(&claims())).await, 200);
    let withdrawn = get(&layer, &old.token(&claims())).await;
    assert_eq!(reason(&withdrawn), Some(Reason::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn f08_unknown_keys_lead_to_one_fetch_in_an_interval() {
    let (known, unknown) = (Signer::es256("known"), Signer::es256("unknown"));
    let issuer = Issuer::with(&known);
    let layer = issuer.layer();
    assert_eq!(status(&layer, &known.token(&claims())).await, 200);
    assert_eq!(issuer.fetches(), 1);

    let token = unknown.token(&claims());
    for _ in 0..500 {
        assert_eq!(status(&layer, &token).await, 401);
    }
    let more = join_all((0..500).map(|_| status(&layer, &token))).await;
    assert_eq!(more, [401; 500]);
    assert_eq!(issuer.fetches(), 2);
    pass(Duration::from_secs(30)).await;
    join_all((0..500).map(|_| status(&layer, &token))).await;
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_known_with_the_first_token_that_has_it() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = Issuer::with(&old);
    let layer = issuer.layer();
    assert_eq!(status(&layer, &old.token(&claims())).await, 200);

    issuer.now(Does::Answers(set([&old, &new])));
    let token = new.token(&claims());
    let all = join_all((0..20).map(|_| status(&layer, &token))).await;
    assert_eq!((all, issuer.fetches()), (vec![200; 20], 2));
    assert_eq!(status(&layer, &old.token(&claims())).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_key_id_or_with_a_known_one_fetches_nothing() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let layer = issuer.layer();
    assert_eq!(status(&layer, &signer.token(&claims())).await, 200);

    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"ES256","kid":"a","x":1}"#,
        r#"{"alg":"none","kid":"b"}"#,
        r#"{"alg":"ES256","kid":""}"#,
        r#"{"alg":"EdDSA","kid":"a"}"#,
    ] {
        let token = Signer::es256("b").sign(header, &claims().to_string());
        assert_eq!(status(&layer, &token).await, 401, "{header}");
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn f15_an_issuer_that_hangs_holds_up_nobody_whose_key_is_known() {
    let (known, unknown) = (Signer::es256("known"), Signer::es256("unknown"));
    let issuer = Issuer::with(&known);
    let layer = issuer.layer();
    assert_eq!(status(&layer, &known.token(&claims())).await, 200);
    issuer.now(Does::Hangs);

    let began = Instant::now();
    let (waiting, others) = (layer.clone(), unknown.token(&claims()));
    let waiting = tokio::spawn(async move { status(&waiting, &others).await });
    pass(Duration::from_secs(1)).await;
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(status(&layer, &known.token(&claims())).await, 200);
    assert_eq!(began.elapsed(), Duration::from_secs(1), "at once");
    assert_eq!(waiting.await.unwrap(), 401);
    assert_eq!(began.elapsed().as_secs(), 5, "as long as a fetch may take");
}

#[tokio::test(start_paused = true)]
async fn f15_a_fetch_that_hangs_is_given_up_and_tried_again() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = Issuer::with(&old);
    let keys = issuer.keys();
    let layer = layer(keys.clone());
    assert_eq!(status(&layer, &old.token(&claims())).await, 200);

    issuer.now(Does::Hangs);
    pass(Duration::from_secs(331)).await;
    issuer.now(Does::Answers(set([&new])));
    pass(Duration::from_secs(5)).await;
    pass(Duration::from_millis(1101)).await;
    assert_eq!((issuer.fetches(), keys.age()), (3, Some(Duration::ZERO)));
    assert_eq!(status(&layer, &new.token(&claims())).await, 200);
}

#[tokio::test(start_paused = true)]
async fn f15_a_set_that_is_bad_changes_nothing() {
    let (known, other) = (Signer::es256("known"), Signer::es256("other"));
    let issuer = Issuer::with(&known);
    let layer = layer(issuer.builder().max_bytes(4096).build().unwrap());
    assert_eq!(status(&layer, &known.token(&claims())).await, 200);

    let with_other = |key: String| {
        let good = other.jwk();
        format!("{{\"keys\":[{good},{key}]}}")
    };
    let mut weak = Signer::rs256("weak").jwk();
    weak["n"] = super::signer::encode(vec![0xff; 128]).into();
    let mut private = Signer::es256("private").jwk();
    private["d"] = "AA".into();
    let secret = Signer::hs256("secret", b"q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2").jwk();
    for bad in [
        String::new(),
        "garbage".to_owned(),
        "<html></html>".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":[{"kty":"AKP"}]}"#.to_owned(),
        with_other(weak.to_string()),
        with_other(private.to_string()),
        with_other(secret.to_string()),
        // Of what is not known here, too.
        with_other(r#"{"kty":"oct","alg":"HS512","k":"AA"}"#.to_owned()),
        with_other(r#"{"kty":"oct","use":"enc","k":"AA"}"#.to_owned()),
        with_other(r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}"#.to_owned()),
        with_other(r#"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB","d":"AA"}"#.to_owned()),
        with_other(r#"{"kty":"RSA","alg":"RS512","n":"AQAB","e":"AQAB","p":"AA"}"#.to_owned()),
        with_other(r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","priv":"AA"}"#.to_owned()),
        with_other(other.jwk().to_string()),
        with_other("1".to_owned()),
        format!("{{\"keys\":[{}]}}", vec!["{\"kty\":\"x\"}"; 65].join(",")),
        set([&other]) + &" ".repeat(4096),
    ] {
        issuer.now(Does::Answers(bad.clone()));
        let before = issuer.fetches();
        pass(Duration::from_secs(400)).await;
        assert!(issuer.fetches() > before);
        assert_eq!(status(&layer, &known.token(&claims())).await, 200, "{bad}");
        assert_eq!(status(&layer, &other.token(&claims())).await, 401, "{bad}");
    }
    // The twin: the same key in a good set.
    issuer.now(Does::Answers(set([&other])));
    pass(Duration::from_secs(400)).await;
    assert_eq!(status(&layer, &other.token(&claims())).await, 200);
    assert_eq!(status(&layer, &known.token(&claims())).await, 401);
}

#[tokio::test(start_paused = true)]
async fn f15_without_any_key_the_answer_is_503_at_once() {
    let signer = Signer::es256("a");
    let issuer = Issuer::new(Does::Fails);
    let (layer, token) = (issuer.layer(), signer.token(&claims()));

    for _ in 0..100 {
        let response = get(&layer, &token).await;
        assert_eq!(response.status(), 503);
        assert_eq!(reason(&response), Some(Reason::Unavailable));
        assert!(!response.headers().contains_key("www-authenticate"));
    }
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(
        status(&layer, "a.b.c").await,
        401,
        "what is none needs no key"
    );
    issuer.now(Does::Answers(set([&signer])));
    pass(Duration::from_millis(1101)).await;
    assert_eq!((status(&layer, &token).await, issuer.fetches()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn f15_a_first_fetch_that_hangs_holds_up_no_longer_than_it_may() {
    let issuer = Issuer::new(Does::Hangs);
    let layer = issuer.layer();
    let token = Signer::es256("a").token(&claims());
    let began = Instant::now();

    let all = join_all((0..2000).map(|_| status(&layer, &token))).await;
    assert_eq!(all, [503; 2000]);
    assert_eq!((began.elapsed().as_secs(), issuer.fetches()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_1024_requests_wait() {
    let issuer = Issuer::new(Does::Hangs);
    let layer = issuer.layer();
    let token = Signer::es256("a").token(&claims());
    let requests: Vec<_> = (0..1100)
        .map(|_| {
            let (layer, token) = (layer.clone(), token.clone());
            tokio::spawn(async move { status(&layer, &token).await })
        })
        .collect();
    pass(Duration::from_secs(1)).await;

    let refused = requests.iter().filter(|request| request.is_finished());
    assert_eq!(refused.count(), 1100 - 1024);
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    pass(Duration::from_millis(1)).await;
    let (other, again) = (layer.clone(), token.clone());
    let waits = tokio::spawn(async move { status(&other, &again).await });
    pass(Duration::from_millis(1)).await;
    assert!(!waits.is_finished(), "who gives up leaves a place");
}

#[tokio::test(start_paused = true)]
async fn f15_keys_that_are_too_old_open_nothing() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let (layer, token) = (issuer.layer(), signer.token(&claims()));
    assert_eq!(status(&layer, &token).await, 200);
    issuer.now(Does::Fails);

    let hour = Duration::from_secs(3600);
    for _ in 0..23 {
        pass(hour).await;
        assert_eq!(status(&layer, &token).await, 200);
    }
    pass(hour + Duration::from_secs(1)).await;
    let response = get(&layer, &token).await;
    assert_eq!(
        (response.status().as_u16(), reason(&response)),
        (503, Some(Reason::Unavailable))
    );
    issuer.now(Does::Answers(set([&signer])));
    pass(Duration::from_secs(34)).await;
    assert_eq!(status(&layer, &token).await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_changes_is_logged_once() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let keys = issuer
        .builder()
        .max_stale(Duration::from_secs(3600))
        .build()
        .unwrap();
    let (lines, ()) = logged(async {
        assert!(keys.ready().await);
        issuer.now(Does::Fails);
        for _ in 0..120 {
            pass(Duration::from_secs(60)).await;
        }
        issuer.now(Does::Answers(set([&signer])));
        pass(Duration::from_secs(60)).await;
        pass(Duration::from_secs(600)).await;
    })
    .await;

    let lines: Vec<_> = lines.lines().collect();
    assert!(issuer.fetches() > 100);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].contains(" WARN portcullis: the keys of tokens could not be fetched"));
    assert!(
        lines[0].contains("no route") && lines[0].contains("a function"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains("ERROR portcullis: the keys of tokens could not be fetched, and none")
    );
    assert!(lines[2].contains(" INFO portcullis: the keys of tokens are fetched again"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_one_that_failed() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let (layer, token) = (issuer.layer(), signer.token(&claims()));
    assert_eq!(status(&layer, &token).await, 200);

    issuer.now(Does::Panics);
    pass(Duration::from_secs(331)).await;
    assert_eq!(issuer.fetches(), 2);
    for _ in 0..100 {
        assert_eq!(status(&layer, &token).await, 200);
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!(issuer.fetches(), 2, "no storm");
    issuer.now(Does::Answers(set([&signer])));
    pass(Duration::from_secs(2)).await;
    assert_eq!((status(&layer, &token).await, issuer.fetches()), (200, 3));
}

#[test]
fn keys_outlive_the_runtime_that_fetched_them() {
    let (signer, new) = (Signer::es256("a"), Signer::es256("new"));
    let issuer = Issuer::with(&signer);
    let layer = issuer.layer();
    let run = |token: String| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(status(&layer, &token))
    };
    assert_eq!(run(signer.token(&claims())), 200);
    assert_eq!(run(signer.token(&claims())), 200);
    assert_eq!(issuer.fetches(), 1);

    issuer.now(Does::Answers(set([&new])));
    assert_eq!(run(new.token(&claims())), 200);
    assert_eq!(issuer.fetches(), 2);
}

#[test]
fn outside_a_runtime_nothing_is_known_and_nothing_panics() {
    let signer = Signer::es256("a");
    let issuer = Issuer::with(&signer);
    let jwt = Jwt::new(ISSUER, ["api"], issuer.keys()).unwrap();

    assert_eq!(
        jwt.principal(signer.token(&claims())),
        Err(Reason::Unavailable)
    );
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_clone() {
    let issuer = Issuer::with(&Signer::es256("a"));
    let keys = issuer.keys();
    assert!(keys.clone().ready().await);
    pass(Duration::from_secs(400)).await;
    assert_eq!(issuer.fetches(), 2);

    drop(keys);
    pass(Duration::from_secs(4000)).await;
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_is_counted() {
    let issuer = Issuer::with(&Signer::es256("a"));
    let keys = issuer.keys();
    let jwt = Jwt::new(ISSUER, ["api"], keys.clone()).unwrap();
    let counts = || {
        let counts = jwt.counts().into_iter();
        let values: Vec<_> = counts.map(|count| (count.name, count.value)).collect();
        values
    };
    let (fetches, failures) = ("portcullis_jwks_fetches", "portcullis_jwks_failures");
    assert_eq!(counts(), [(fetches, 0), (failures, 0)]);

    assert!(keys.ready().await);
    pass(Duration::from_secs(100)).await;
    let age = "portcullis_jwks_age_seconds";
    assert_eq!(counts(), [(fetches, 1), (failures, 0), (age, 100)]);
    issuer.now(Does::Fails);
    pass(Duration::from_secs(231)).await;
    assert_eq!(counts(), [(fetches, 2), (failures, 1), (age, 331)]);
    assert_eq!(jwt.counts()[0].labels, [("issuer", ISSUER.to_owned())]);
    let described = "tokens of https://issuer.example for api; keys from a function, every 300s";
    assert_eq!(jwt.describe(), described);
}

#[test]
fn everything_that_is_wrong_is_listed_and_no_url_is_printed() {
    let wrong = RemoteKeys::builder("http://user:hunter2@/x#y").every(Duration::ZERO);
    let wrong = wrong
        .cooldown(Duration::ZERO)
        .time_limit(Duration::ZERO)
        .max_bytes(0);
    let error = wrong
        .root_certificates("none")
        .build()
        .unwrap_err()
        .to_string();
    assert!(!error.contains("hunter2"), "{error}");

    let problem = |url: &str| RemoteKeys::new(url).unwrap_err().to_string();
    let plain = "JWKS: the URL is not https, and http was not allowed";
    assert_eq!(problem("http://issuer.example/"), plain);
    assert_eq!(
        problem("https://a:b@issuer.example/"),
        "JWKS: the URL has credentials"
    );
    assert_eq!(
        problem("https://issuer.example/#x"),
        "JWKS: the URL has a fragment"
    );
    let neither = "JWKS: the URL is neither https nor http";
    assert_eq!(problem("ftp://issuer.example/"), neither);
    assert_eq!(
        problem("/jwks.json"),
        format!("{neither}; JWKS: the URL has no host")
    );
    assert_eq!(problem("issuer.example:443"), neither);
    for url in ["", "https://", "https://a b/", "\u{e9}"] {
        assert_eq!(problem(url), "JWKS: the URL is not one", "{url}");
    }
    assert!(RemoteKeys::new("https://issuer.example/jwks.json?x=1").is_ok());
    assert!(
        RemoteKeys::builder("http://issuer.example/")
            .allow_http()
            .build()
            .is_ok()
    );
    let of_a_function = Issuer::new(Does::Fails).builder().allow_http().build();
    assert!(of_a_function.is_err());
}

#[test]
fn each_setting_has_its_bounds() {
    let wrong = RemoteKeys::builder("https://issuer.example/")
        .every(Duration::from_secs(9))
        .cooldown(Duration::from_millis(999))
        .time_limit(Duration::from_secs(61))
        .max_stale(Duration::from_secs(8))
        .max_bytes(17 << 20)
        .root_certificates("no certificate");

    assert_eq!(
        wrong.build().unwrap_err().to_string(),
        "JWKS: keys are fetched every 10 seconds to every day; \
         JWKS: the cooldown is 1 second to an hour; \
         JWKS: the time limit is more than 0, and at most a minute; \
         JWKS: keys are used for at least as long as until the next fetch; \
         JWKS: the maximum length is 1 byte to 16 MiB; \
         JWKS: there is no certificate among the roots"
    );
}
