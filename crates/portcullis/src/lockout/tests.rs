use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt;
use portcullis_core::{
    AuthScheme, BodyCheck, Cause, ClientIp, Facts, Failing, Failure, FailureStore, Format, Guard,
    LockoutRule, ProblemJson, Reason, Rejection, RejectionKind, Reply, Verdict, refuse,
};
use portcullis_test::{Body, contract, request, send, service};
use tokio::time::advance;
use tower::Layer;

use super::{Locked, Lockout, MemoryFailures};
use crate::{body_limit::RequestBody, edge::GuardLayer};

/// Judges by the header `x-key`: `right`, or a reason; at once, or later.
#[derive(Clone)]
struct Keys {
    waits: bool,
}

impl Guard for Keys {
    fn admit(&self, head: &mut http::request::Parts, _: &mut Reply) -> Verdict {
        let key = head
            .headers
            .get("x-key")
            .map_or("", |key| key.to_str().unwrap());
        let (key, id) = key.split_once('@').unwrap_or((key, "alice"));
        let (id, reason) = (
            id.to_owned(),
            match key {
                "right" => None,
                "" => Some(Reason::NoCredentials),
                "expired" => Some(Reason::Expired),
                "several" => Some(Reason::SeveralCredentials),
                "replayed" => Some(Reason::Replayed),
                "early" | "forged" => Some(Reason::UnknownKey),
                _ => Some(Reason::WrongSecret),
            },
        );
        let scheme = match key {
            "early" | "token" => AuthScheme::Token,
            _ => AuthScheme::ApiKey,
        };
        let verdict = move || match reason {
            None => Verdict::Admit,
            Some(reason) => Rejection::new(RejectionKind::Unauthenticated)
                .with_cause(Cause::new(scheme, reason).with_subject(&id))
                .into(),
        };
        if self.waits {
            Verdict::defer(tokio::task::yield_now(), move |(), _, _| verdict())
        } else {
            verdict()
        }
    }
}

contract!(
    GuardLayer::from(Lockout::default().around(Passes)),
    GuardLayer::<Locked<Passes>>::off(),
);

#[derive(Clone)]
struct Passes;

impl Guard for Passes {
    fn admit(&self, _: &mut http::request::Parts, _: &mut Reply) -> Verdict {
        Verdict::Admit
    }
}

fn from(address: &str, key: &str) -> Request<Body> {
    let mut request = request("/");
    request.headers_mut().insert("x-key", key.parse().unwrap());
    let ip = ClientIp(address.parse().unwrap());
    Facts::of_mut(request.extensions_mut()).set(ip);
    request
}

async fn get(lockout: &Lockout, address: &str, key: &str) -> Response<()> {
    let guard = lockout.around(Keys { waits: false });
    let layer: GuardLayer<_> = guard.into();
    let app = service(|_: &Request<_>| String::new());
    send(layer.layer(app), from(address, key)).await.map(drop)
}

async fn status(lockout: &Lockout, address: &str, key: &str) -> u16 {
    get(lockout, address, key).await.status().as_u16()
}

const GUESSER: &str = "192.0.2.1";
const NEIGHBOUR: &str = "192.0.2.2";

#[tokio::test(start_paused = true)]
async fn five_failures_lock_that_client_out_and_nobody_else() {
    let lockout = Lockout::default();
    for _ in 0..5 {
        assert_eq!(status(&lockout, GUESSER, "wrong").await, 401);
    }
    let refused = get(&lockout, GUESSER, "right").await;

    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "60");
    let cause = refused
        .extensions()
        .get::<Rejection>()
        .unwrap()
        .cause()
        .cloned();
    assert_eq!(cause.unwrap().reason(), Reason::LockedOut);
    assert_eq!(status(&lockout, NEIGHBOUR, "right").await, 200);
    advance(Duration::from_secs(60)).await;
    assert_eq!(status(&lockout, GUESSER, "right").await, 200);
}

#[tokio::test(start_paused = true)]
async fn each_further_failure_doubles_the_lock() {
    let lockout = Lockout::default();
    for _ in 0..4 {
        status(&lockout, GUESSER, "wrong").await;
    }
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(status(&lockout, GUESSER, "wrong").await, 401);
        let refused = get(&lockout, GUESSER, "wrong").await;
        let wait = refused.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        waits.push(wait);
        advance(Duration::from_secs(wait)).await;
    }

    assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    advance(Duration::from_secs(900)).await;
    for _ in 0..4 {
        assert_eq!(status(&lockout, GUESSER, "wrong").await, 401);
    }
    assert_eq!(
        status(&lockout, GUESSER, "right").await,
        200,
        "it was forgotten"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_guess_is_no_failure() {
    let lockout = Lockout::default();
    for key in ["", "expired", "several", "replayed", "early"] {
        for _ in 0..20 {
            assert_eq!(status(&lockout, GUESSER, key).await, 401);
        }
    }
    assert_eq!(status(&lockout, GUESSER, "right").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_success_forgets_nothing() {
    let lockout = Lockout::default();
    for _ in 0..5 {
        status(&lockout, GUESSER, "wrong").await;
        status(&lockout, GUESSER, "right").await;
    }
    assert_eq!(status(&lockout, GUESSER, "right").await, 429);
}

#[tokio::test(start_paused = true)]
async fn an_id_under_attack_costs_more_and_its_owner_is_let_in() {
    let lockout = Lockout::default();
    for guesser in 0..26 {
        for _ in 0..4 {
            status(&lockout, &format!("198.51.100.{guesser}"), "wrong@alice").await;
        }
    }
    assert_eq!(status(&lockout, GUESSER, "wrong@alice").await, 401);
    assert_eq!(
        status(&lockout, GUESSER, "wrong@alice").await,
        429,
        "after one"
    );

    assert_eq!(status(&lockout, NEIGHBOUR, "right@alice").await, 200);
    assert_eq!(status(&lockout, NEIGHBOUR, "wrong@bob").await, 401);
    assert_eq!(status(&lockout, NEIGHBOUR, "right@bob").await, 200);
}

#[tokio::test(start_paused = true)]
async fn the_id_of_an_issuers_key_is_nobodys() {
    let lockout = Lockout::default();
    for guesser in 0..26 {
        for _ in 0..4 {
            status(&lockout, &format!("198.51.100.{guesser}"), "token@issuer").await;
        }
    }

    assert_eq!(status(&lockout, GUESSER, "token@issuer").await, 401);
    assert_eq!(status(&lockout, GUESSER, "right@issuer").await, 200);
}

/// Looks at what a body says: `forged`, or `again`.
#[derive(Clone)]
struct Bodies;

struct Judged(Vec<u8>);

impl Guard for Bodies {
    fn admit(&self, _: &mut http::request::Parts, reply: &mut Reply) -> Verdict {
        reply.check_body(Judged(Vec::new()));
        Verdict::Admit
    }
}

impl BodyCheck for Judged {
    fn update(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let reason = match &self.0[..] {
            b"forged" => Reason::BadSignature,
            b"again" => Reason::Replayed,
            _ => return Poll::Ready(Ok(())),
        };
        let cause = Cause::new(AuthScheme::Webhook, reason);
        Poll::Ready(Err(
            Rejection::new(RejectionKind::Unauthenticated).with_cause(cause)
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_is_judged_with_its_body_counts() {
    let lockout = Lockout::default();
    let layer = GuardLayer::from(lockout.around(Bodies));
    let app = layer.layer(tower::service_fn(
        |request: Request<RequestBody<Body>>| async {
            let read = request.into_body().collect().await;
            let status = if read.is_ok() { 200 } else { 400 };
            let response = Response::builder().status(status).body(Body::default());
            Ok::<_, Infallible>(response.unwrap())
        },
    ));
    let post = |body: &'static str| {
        let request = from(GUESSER, "").map(|_| Body::from(body));
        send(app.clone(), request)
    };
    for _ in 0..9 {
        assert_eq!(post("again").await.status(), 401);
    }
    assert_eq!(post("right").await.status(), 200);
    for _ in 0..5 {
        assert_eq!(post("forged").await.status(), 401);
    }

    assert_eq!(post("right").await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_of_ipv6_is_one_client() {
    let lockout = Lockout::default();
    for host in 0..5 {
        status(&lockout, &format!("2001:db8::{host}"), "wrong").await;
    }
    assert_eq!(status(&lockout, "2001:db8::ffff", "right").await, 429);
    assert_eq!(status(&lockout, "2001:db8:0:1::1", "right").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_later_counts_too() {
    let lockout = Lockout::default();
    let layer: GuardLayer<_> = lockout.around(Keys { waits: true }).into();
    let app = layer.layer(service(|_: &Request<_>| String::new()));
    for _ in 0..5 {
        assert_eq!(
            send(app.clone(), from(GUESSER, "wrong")).await.status(),
            401
        );
    }
    assert_eq!(send(app, from(GUESSER, "right")).await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn processes_that_share_count_together() {
    let store = MemoryFailures::new(LockoutRule::default(), 100);
    let (one, other) = (
        Lockout::default().shared(store.clone()),
        Lockout::default().shared(store),
    );
    for _ in 0..3 {
        status(&one, GUESSER, "wrong").await;
    }
    for _ in 0..2 {
        assert_eq!(status(&other, GUESSER, "wrong").await, 401);
    }

    assert_eq!(status(&other, GUESSER, "right").await, 429);
    assert_eq!(status(&one, GUESSER, "wrong").await, 401, "it learns now");
    assert_eq!(status(&one, GUESSER, "right").await, 429);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_leaves_each_process_its_own_count() {
    struct Hangs;
    impl FailureStore for Hangs {
        fn fail(&self, _: Failure) -> Failing {
            Box::pin(std::future::pending())
        }
    }
    let lockout = Lockout::default().shared(Hangs);
    for _ in 0..5 {
        assert_eq!(status(&lockout, GUESSER, "wrong").await, 401);
    }
    assert_eq!(status(&lockout, GUESSER, "right").await, 429);
}

#[tokio::test(start_paused = true)]
async fn a_log_in_that_answers_with_a_rejection_counts() {
    let lockout = Lockout::default();
    let layer: GuardLayer<_> = lockout.logins(["/"]).unwrap().into();
    let app = layer.layer(tower::service_fn(|_: Request<_>| async {
        let rejection = Rejection::new(RejectionKind::Unauthenticated);
        let refused = refuse(&ProblemJson::default(), rejection, Format::Problem);
        Ok::<_, Infallible>(refused.map(Body::from))
    }));
    for _ in 0..5 {
        assert_eq!(send(app.clone(), from(GUESSER, "")).await.status(), 401);
    }

    assert_eq!(send(app, from(GUESSER, "")).await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_applications_own_log_in_count() {
    let lockout = Lockout::default();
    let layer: GuardLayer<_> = lockout.logins(["POST /login"]).unwrap().into();
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::clone(&statuses);
    let app = tower::service_fn(move |_: Request<_>| {
        let status = answer.lock().unwrap().pop().unwrap_or(200);
        let response = Response::builder().status(status).body(Body::default());
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    let app = layer.layer(app);
    let login = |path: &str| {
        let mut request = from(GUESSER, "");
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    for _ in 0..5 {
        statuses.lock().unwrap().push(401);
        assert_eq!(send(app.clone(), login("/login")).await.status(), 401);
    }

    assert_eq!(send(app.clone(), login("/login")).await.status(), 429);
    assert_eq!(send(app, login("/posts")).await.status(), 200);
}
