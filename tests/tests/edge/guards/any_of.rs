//! One of several guards, and a guard that is there or not.

use http::{HeaderName, HeaderValue, header};
use portcullis::{
    AnyOf, Facts, RejectionKind, Slot,
    api_key::{ApiKey, ApiKeyGuard, Keys},
};
use portcullis_tests::net::request;
use tokio::task::yield_now;

use super::*;

const NOTE: HeaderName = HeaderName::from_static("x-note");

/// Admits a bearer token, as a guard of JSON web tokens does: the one that is `good`.
fn tokens() -> impl Guard {
    Judge(|head: &mut request::Parts, _: &mut Reply| {
        let token = head.headers.get(header::AUTHORIZATION);
        if token.is_some_and(|token| token == "Bearer good") {
            Facts::of_mut(&mut head.extensions).set(Principal::new("token"));
            return Verdict::Admit;
        }
        let challenge = HeaderValue::from_static("Bearer realm=\"tokens\"");
        let rejection = Rejection::new(RejectionKind::Unauthenticated);
        rejection
            .with_header(header::WWW_AUTHENTICATE, challenge)
            .into()
    })
}

/// Writes something, waits, and rejects.
fn hesitant() -> impl Guard {
    Judge(|_: &mut request::Parts, reply: &mut Reply| {
        reply.insert(NOTE, HeaderValue::from_static("first"));
        Verdict::defer(yield_now(), |(), _, reply| {
            reply.insert(NOTE, HeaderValue::from_static("then"));
            RejectionKind::Unauthenticated.into()
        })
    })
}

/// What an edge answers on both protocols to a request with these headers.
async fn answers(guard: impl Guard, headers: &[(&str, &str)]) -> [Answer; 2] {
    let (server, _) = serve(portcullis_axum::edge().guard(Slot::Authentication, guard)).await;
    let [mut http1, mut http2] = clients(&server).await;
    let ask = || request("/", headers);
    [http1.ask(ask()).await, http2.ask(ask()).await]
}

#[tokio::test]
async fn a_key_or_a_token() {
    let key = ApiKey::generate("pk").unwrap();
    let wrong = ApiKey::generate("pk").unwrap();
    let either = || {
        AnyOf::new()
            .or(ApiKeyGuard::new(Keys::default().and("key", &key)))
            .or(tokens())
    };
    let (right, wrong) = (("x-api-key", key.expose()), ("x-api-key", wrong.expose()));
    let (good, bad) = (
        ("authorization", "Bearer good"),
        ("authorization", "Bearer bad"),
    );
    let admitted: [(&[_], &str); 2] = [(&[right], "key"), (&[good], "token")];
    for (headers, who) in admitted {
        for answer in answers(either(), headers).await {
            assert_eq!(
                (answer.status.as_u16(), &*answer.text),
                (200, who),
                "{headers:?}"
            );
        }
    }
    // The first that applies decides: a wrong key is no token, and a key guard takes one credential.
    for headers in [&[wrong][..], &[wrong, good], &[wrong, bad], &[right, bad]] {
        for answer in answers(either(), headers).await {
            assert_problem(&answer, 401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
        }
    }
    for headers in [&[][..], &[bad]] {
        for answer in answers(either(), headers).await {
            assert_problem(&answer, 401, "unauthenticated");
            let challenges = answer.headers.get_all(header::WWW_AUTHENTICATE).iter();
            let challenges: Vec<_> = challenges.map(|value| value.to_str().unwrap()).collect();
            assert_eq!(challenges.len(), 2, "{challenges:?}");
            assert_eq!(challenges[1], "Bearer realm=\"tokens\"");
        }
    }
}

#[tokio::test]
async fn what_a_guard_said_that_rejected_after_waiting_is_not_said() {
    let either = AnyOf::new().or(hesitant()).or(tokens());
    for answer in answers(either, &[("authorization", "Bearer good")]).await {
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "token"));
        assert_eq!(answer.header("x-note"), "");
    }
}

#[tokio::test]
async fn one_of_several_may_wait_after_another_has_rejected() {
    let key = ApiKey::generate("pk").unwrap();
    let either = || {
        let keys = ApiKeyGuard::new(Keys::default().and("key", &key));
        AnyOf::new().or(tokens()).or(hesitant()).or(keys)
    };
    for answer in answers(either(), &[("x-api-key", key.expose())]).await {
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "key"));
    }
    for answer in answers(either(), &[]).await {
        assert_problem(&answer, 401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_optional_guard_is_asked_where_it_is_there() {
    let closed = |is_there: bool| is_there.then(tokens);
    for answer in answers(closed(true), &[]).await {
        assert_problem(&answer, 401, "unauthenticated");
    }
    for answer in answers(closed(false), &[]).await {
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "nobody"));
    }
}

#[tokio::test]
async fn a_guard_that_is_not_there_opens_nothing_for_the_others() {
    let none = || false.then(tokens);
    for either in [
        AnyOf::new().or(none()).or(tokens()),
        AnyOf::new().or(tokens()).or(none()),
    ] {
        for answer in answers(either, &[]).await {
            assert_problem(&answer, 401, "unauthenticated");
        }
    }
}
