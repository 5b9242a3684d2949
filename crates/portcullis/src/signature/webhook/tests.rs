use std::{convert::Infallible, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use hmac::Mac;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use portcullis_core::{
    BoxError, Facts, ManualClock, Noted, Principal, Reason, Rejection, ReplayNote, ReplayStore,
    WallClock,
};
use portcullis_test::{Body as TestBody, Chunks, contract, ok, send, text};
use proptest::prelude::*;
use tower::{Layer, service_fn};

use super::{WebhookGuard, WebhookLayer, WebhookSecret, fuzz};
use crate::{body_limit::RequestBody, signature::MemoryReplays};

contract!(WebhookLayer::from(guard()), WebhookLayer::off());

const NOW: u64 = 1_674_087_231;
/// Of the specification's example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = "{\"test\": 2432232314}";

fn guard() -> WebhookGuard {
    let secret = WebhookSecret::known_to_all(SECRET);
    let clock = WallClock::from(&ManualClock::new(NOW));
    WebhookGuard::new(secret, Principal::new("billing")).clock(clock)
}

fn signature(secret: &str, signed: &str) -> String {
    let mac = WebhookSecret::known_to_all(secret).begin(signed.as_bytes());
    format!(
        "v1,{}",
        STANDARD.encode(mac.unwrap().finalize().into_bytes())
    )
}

fn webhook<B>(id: &str, timestamp: &str, signatures: &str, body: B) -> Request<B> {
    Request::post("/hooks")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures)
        .body(body)
        .unwrap()
}

/// A webhook that is right.
fn right(id: &str, time: u64) -> Request<TestBody> {
    let time = time.to_string();
    let signatures = signature(SECRET, &format!("{id}.{time}.{BODY}"));
    webhook(id, &time, &signatures, TestBody::from(BODY))
}

async fn swallow<B>(request: Request<B>) -> Result<Response<TestBody>, Infallible>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let principal: Option<Principal> = Facts::of(request.extensions()).get().cloned();
    let id = principal.map(|principal| format!("{} {}", principal.id(), principal.scheme()));
    let body = match request.into_body().collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Response::new(TestBody::from(format!("{id:?}: {body}"))))
}

type Answer = Response<crate::edge::EdgeBody<TestBody>>;

async fn post<B>(guard: &WebhookGuard, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let layer = WebhookLayer::from(guard.clone());
    send(layer.layer(service_fn(swallow::<RequestBody<B>>)), request).await
}

fn reason(response: &Answer) -> Option<Reason> {
    let rejection = response.extensions().get::<Rejection>()?;
    Some(rejection.cause()?.reason())
}

#[tokio::test]
async fn a_webhook_of_the_sender_is_admitted() {
    let response = post(&guard(), right("msg_1", NOW)).await;
    let body = text(response).await;

    assert_eq!(body, format!("Some(\"billing webhook\"): {BODY}"));
    let chunked = right("msg_1", NOW).map(|_| Chunks::new([Ok("{\"test\": "), Ok("2432232314}")]));
    assert_eq!(post(&guard(), chunked).await.status(), 200);
}

/// The example of the specification's libraries.
#[tokio::test]
async fn the_example_of_the_specification_verifies() {
    let date = ManualClock::new(1_614_265_330);
    let guard = guard().clock(WallClock::from(&date));
    let sent = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let request = |signature: &str| {
        webhook(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            signature,
            TestBody::from(BODY),
        )
    };

    assert_eq!(post(&guard, request(sent)).await.status(), 200);
    assert_eq!(
        post(&guard, request(&sent.replace("g0", "g1")))
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn another_body_id_or_timestamp_is_refused() {
    let signatures = signature(SECRET, &format!("msg_1.{NOW}.{BODY}"));
    let now = NOW.to_string();
    let later = (NOW + 1).to_string();
    for (id, time, body) in [
        ("msg_2", &now, BODY),
        ("msg_1", &later, BODY),
        ("msg_1", &now, "{}"),
        ("msg_1", &now, ""),
    ] {
        let known = webhook(id, time, &signatures, TestBody::from(body));
        let response = post(&guard(), known).await;
        assert_eq!(
            reason(&response),
            Some(Reason::BadSignature),
            "{id} {time} {body}"
        );
        let chunked = webhook(id, time, &signatures, Chunks::new([Ok(body)]));
        assert_eq!(post(&guard(), chunked).await.status(), 401);
    }
}

/// The application is called before the signature is known to be right.
#[tokio::test]
async fn an_application_that_does_not_read_answers_nobody() {
    let layer = WebhookLayer::from(guard());
    let response = send(layer.layer(ok()), right("msg_1", NOW)).await;
    assert_eq!(response.status(), 401);

    let empty = webhook("msg_1", &NOW.to_string(), "v1,AAAA", TestBody::default());
    let never = portcullis_test::service(|_: &Request<RequestBody<TestBody>>| {
        panic!("the service must not see this request")
    });
    assert_eq!(send(layer.layer(never), empty).await.status(), 401);
    let signatures = signature(SECRET, &format!("msg_1.{NOW}."));
    let empty = webhook("msg_1", &NOW.to_string(), &signatures, TestBody::default());
    assert_eq!(send(layer.layer(ok()), empty).await.status(), 200);
}

#[tokio::test]
async fn one_of_several_signatures_and_secrets_is_enough() {
    let old = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let both = guard().secret(WebhookSecret::known_to_all(old));
    let signed = format!("msg_1.{NOW}.{BODY}");
    let (new, old) = (signature(SECRET, &signed), signature(old, &signed));
    let wrong = signature(SECRET, "another");
    let sent =
        |signatures: String| webhook("msg_1", &NOW.to_string(), &signatures, TestBody::from(BODY));

    for (guard, signatures, expected) in [
        (&guard(), format!("{wrong} {new}"), 200),
        (&guard(), format!("v1a,AAAA {new} v2,x"), 200),
        (&guard(), old.clone(), 401),
        (&both, old.clone(), 200),
        (&both, new.clone(), 200),
        (&both, wrong.clone(), 401),
    ] {
        let response = post(guard, sent(signatures.clone())).await;
        assert_eq!(response.status(), expected, "{signatures}");
    }
}

#[tokio::test]
async fn what_is_too_old_or_too_new_is_refused() {
    for (time, expected) in [
        (NOW - 300, None),
        (NOW - 301, Some(Reason::Expired)),
        (NOW + 300, None),
        (NOW + 301, Some(Reason::NotYetValid)),
    ] {
        let response = post(&guard(), right("msg_1", time)).await;
        assert_eq!(reason(&response), expected, "{time}");
    }
    let strict = guard().tolerance(Duration::from_secs(1));
    assert_eq!(post(&strict, right("msg_1", NOW - 2)).await.status(), 401);
}

#[tokio::test]
async fn a_webhook_that_was_recorded_is_refused_and_another_attempt_is_not() {
    let guard = guard().single_use(MemoryReplays::new(10));
    assert_eq!(post(&guard, right("msg_1", NOW)).await.status(), 200);
    let again = post(&guard, right("msg_1", NOW)).await;
    assert_eq!(
        (again.status().as_u16(), reason(&again)),
        (401, Some(Reason::Replayed))
    );

    assert_eq!(post(&guard, right("msg_1", NOW + 5)).await.status(), 200);
    assert_eq!(post(&guard, right("msg_2", NOW)).await.status(), 200);
}

/// A webhook that is right, with a body that takes as long as `reading` does.
fn slow(
    id: &str,
    time: u64,
    reading: impl Future<Output = ()> + Send + 'static,
) -> Request<UnsyncBoxBody<Bytes, BoxError>> {
    let last = async move {
        reading.await;
        Ok(Frame::data(Bytes::from(BODY)))
    };
    let body = StreamBody::new(Box::pin(stream::once(last)));
    right(id, time).map(|_| BodyExt::boxed_unsync(body))
}

/// The store has forgotten by then that it was used.
#[tokio::test]
async fn a_webhook_that_was_recorded_is_refused_however_slow_its_body_is() {
    let date = ManualClock::new(NOW);
    let guard = guard()
        .clock(WallClock::from(&date))
        .single_use(MemoryReplays::new(10));
    assert_eq!(post(&guard, right("msg_1", NOW)).await.status(), 200);

    date.advance(Duration::from_secs(300));
    let (clock, others) = (date.clone(), guard.clone());
    let copy = slow("msg_1", NOW, async move {
        clock.advance(Duration::from_secs(60));
        let other = right("msg_2", NOW + 360);
        assert_eq!(post(&others, other).await.status(), 200);
    });
    let response = post(&guard, copy).await;
    assert_eq!(
        (response.status().as_u16(), reason(&response)),
        (401, Some(Reason::Expired))
    );
}

#[tokio::test]
async fn a_webhook_is_good_as_long_as_its_date_is() {
    for (seconds, expected) in [(300, 200), (301, 401)] {
        let date = ManualClock::new(NOW);
        let guard = guard().clock(WallClock::from(&date));
        let request = slow("msg_1", NOW, async move {
            date.advance(Duration::from_secs(seconds));
        });
        assert_eq!(post(&guard, request).await.status(), expected, "{seconds}");
    }
}

#[tokio::test]
async fn who_has_no_secret_uses_up_no_identifier() {
    let store = MemoryReplays::new(10);
    let guard = guard().single_use(store.clone());
    let mut forged = right("msg_1", NOW);
    *forged.body_mut() = TestBody::from("{}");

    assert_eq!(post(&guard, forged).await.status(), 401);
    assert!(store.is_empty());
    assert_eq!(post(&guard, right("msg_1", NOW)).await.status(), 200);
}

/// A store that is somewhere else, and says always the same.
struct Remote(Result<bool, &'static str>);

impl ReplayStore for Remote {
    fn note(&self, _: &ReplayNote) -> Noted {
        let says = self.0;
        Noted::wait(async move {
            tokio::task::yield_now().await;
            says
        })
    }
}

#[tokio::test]
async fn a_store_may_be_somewhere_else_and_down() {
    for (says, expected) in [(Ok(true), 200), (Ok(false), 401), (Err("no route"), 503)] {
        let guard = guard().single_use(Remote(says));
        let response = post(&guard, right("msg_1", NOW)).await;
        assert_eq!(response.status(), expected, "{says:?}");
    }
}

/// What is refused, and why.
fn refused() -> Vec<(Request<TestBody>, Reason)> {
    let now = NOW.to_string();
    let fine = signature(SECRET, &format!("msg_1.{NOW}.{BODY}"));
    let body = || TestBody::from(BODY);
    let many = vec![fine.as_str(); 17].join(" ");
    let mut twice = right("msg_1", NOW);
    twice
        .headers_mut()
        .append("webhook-id", HeaderValue::from_static("msg_1"));
    let mut without = right("msg_1", NOW);
    without.headers_mut().remove("webhook-timestamp");
    vec![
        (
            Request::post("/").body(body()).unwrap(),
            Reason::NoCredentials,
        ),
        (without, Reason::Incomplete),
        (twice, Reason::SeveralCredentials),
        (webhook("", &now, &fine, body()), Reason::Malformed),
        (webhook("a.b", &now, &fine, body()), Reason::Malformed),
        (
            webhook(&"a".repeat(257), &now, &fine, body()),
            Reason::Malformed,
        ),
        (
            webhook("msg_1", "+1674087231", &fine, body()),
            Reason::Malformed,
        ),
        (
            webhook("msg_1", "01674087231", &fine, body()),
            Reason::Malformed,
        ),
        (webhook("msg_1", "x", &fine, body()), Reason::Malformed),
        (webhook("msg_1", &now, &many, body()), Reason::Malformed),
        (webhook("msg_1", &now, "v1,*", body()), Reason::Malformed),
        (
            webhook("msg_1", &now, "v2,AAAA", body()),
            Reason::NotAllowed,
        ),
        (
            webhook("msg_1", &now, "v1,AAAA", body()),
            Reason::BadSignature,
        ),
        (webhook("msg_1", &now, "v1,", body()), Reason::BadSignature),
    ]
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    let mut seen = Vec::new();
    for (request, expected) in refused() {
        let response = post(&guard(), request).await;
        assert_eq!(
            (response.status().as_u16(), reason(&response)),
            (401, Some(expected))
        );
        let (head, body) = response.into_parts();
        seen.push((head.headers, text(Response::new(body)).await));
    }
    assert_eq!(seen[0].0["www-authenticate"], "Webhook realm=\"api\"");
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// Bytes that are as different as random ones.
fn different(length: u8) -> Vec<u8> {
    (0..length)
        .map(|n| n.wrapping_mul(167).wrapping_add(13))
        .collect()
}

#[test]
fn a_secret_is_24_to_64_bytes_in_base64_and_never_printed() {
    for length in [24, 31, 32, 64] {
        let text = STANDARD.encode(different(length));
        let secret = WebhookSecret::parse(&text).unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
        assert!(WebhookSecret::parse(&format!("whsec_{text}")).is_ok());
        assert!(WebhookSecret::from_bytes(different(length)).is_ok());
    }
    for length in [0, 23, 65] {
        let text = STANDARD.encode(different(length));
        let expected = format!("webhook secret: has 24 to 64 bytes, this has {length}");
        assert_eq!(
            WebhookSecret::parse(&text).unwrap_err().to_string(),
            expected
        );
        let error = WebhookSecret::from_bytes(different(length)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = WebhookSecret::parse("whsec_*").unwrap_err();
    assert_eq!(error.to_string(), "webhook secret: is not in base64");
}

#[test]
fn a_secret_of_webhooks_is_none_of_examples() {
    let bytes = |bytes: &[u8]| WebhookSecret::from_bytes(bytes).unwrap_err();
    let text = |text: &str| WebhookSecret::parse(text).unwrap_err();
    for (error, expected) in [
        (bytes(&[0; 24]), "this has 1 different bytes"),
        (bytes(&[0; 64]), "this has 1 different bytes"),
        (
            bytes(b"abababababababababababab"),
            "this has 2 different bytes",
        ),
        (
            bytes(b"my-own-changeme-1234567-"),
            "a default of examples (changeme)",
        ),
        (
            text(&STANDARD.encode(b"my-own-changeme-1234567-")),
            "(changeme)",
        ),
        (
            text("whsec_theSecretOfOurWebhooksIsLongEnoughOk"),
            "a default of examples (secret)",
        ),
        (text(SECRET), "the specification's example"),
    ] {
        let error = error.to_string();
        assert!(
            error.starts_with("webhook secret: a secret is random, "),
            "{error}"
        );
        assert!(error.ends_with(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        id in prop::collection::vec(any::<u8>(), 0..40),
        time in prop::collection::vec(any::<u8>(), 0..40),
        signatures in "(v1,[a-zA-Z0-9=]{0,8} ?|[ -~]{0,5}){0,5}",
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signatures.into_bytes()),
        ] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
        }
        let _ = fuzz(&headers);
    }
}
