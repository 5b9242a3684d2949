use std::{
    future::{pending, ready},
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header::WWW_AUTHENTICATE, request};

use super::*;
use crate::{AuthScheme, Cause, Enter, Reason, Rejection, RejectionKind, Scope};

const NAME: HeaderName = HeaderName::from_static("x-own");

/// Returns the verdict that it was told to, and leaves its name in the reply.
struct Says(&'static str, fn() -> Verdict);

impl Guard for Says {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.insert(NAME, HeaderValue::from_static(self.0));
        (self.1)()
    }

    fn describe(&self) -> String {
        self.0.to_owned()
    }
}

fn refused() -> Verdict {
    refused_with("Basic")
}

fn refused_with(challenge: &'static str) -> Verdict {
    Rejection::new(RejectionKind::Unauthenticated)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .into()
}

fn down() -> Verdict {
    RejectionKind::Unavailable.into()
}

fn later(verdict: fn() -> Verdict) -> Verdict {
    Verdict::defer(ready(verdict), |verdict, _, _| verdict())
}

/// What comes of a guard, and the reply's headers.
fn judge(guard: &impl Guard) -> (Verdict, HeaderMap) {
    let (mut head, ()) = Request::new(()).into_parts();
    let mut reply = Reply::default();
    let verdict = guard.admit(&mut head, &mut reply);
    let verdict = settle(verdict, &mut head, &mut reply);
    let mut headers = HeaderMap::new();
    reply.apply(&mut headers, 0);
    (verdict, headers)
}

/// Waits for a verdict.
fn settle(mut verdict: Verdict, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
    let mut cx = Context::from_waker(Waker::noop());
    while let Verdict::Defer(mut deferred) = verdict {
        verdict = match deferred.poll(&mut cx, head, reply) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => panic!("never ready"),
        };
    }
    verdict
}

fn rejection(verdict: Verdict) -> Rejection {
    match verdict {
        Verdict::Reject(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_of_admits_what_one_admits() {
    let guards = [
        AnyOf::new()
            .or(Says("a", refused))
            .or(Says("b", || Verdict::Admit)),
        AnyOf::new()
            .or(Says("a", || later(refused)))
            .or(Says("b", || Verdict::Admit)),
        AnyOf::new()
            .or(Says("a", refused))
            .or(Says("b", || later(|| Verdict::Admit))),
        AnyOf::new()
            .or(Says("b", || Verdict::Admit))
            .or(Says("c", refused)),
    ];
    for guard in guards {
        let (verdict, headers) = judge(&guard);

        assert!(verdict.is_admit(), "{guard:?}: {verdict:?}");
        assert_eq!(headers.get_all(NAME).iter().collect::<Vec<_>>(), ["b"]);
    }
}

/// Rejects, and says everything that a guard can say.
struct Talks(fn() -> Verdict);

impl Guard for Talks {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.insert(
            HeaderName::from_static("x-talk"),
            HeaderValue::from_static("a"),
        );
        reply.write(HeaderName::from_static("x-written"), b"b");
        reply.hold(());
        reply.limit_body(9);
        reply.enter(Some(Scope::new(Nowhere)));
        (self.0)()
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Principal]
    }
}

struct Nowhere;

impl Enter for Nowhere {
    fn enter(&mut self, poll: &mut dyn FnMut()) {
        poll();
    }
}

#[test]
fn any_of_says_nothing_of_what_a_guard_said_that_rejects() {
    for says in [refused as fn() -> Verdict, || later(refused)] {
        let (mut head, ()) = Request::new(()).into_parts();
        let mut reply = Reply::default();
        let guard = AnyOf::new()
            .or(Talks(says))
            .or(Says("b", || Verdict::Admit));
        let verdict = settle(guard.admit(&mut head, &mut reply), &mut head, &mut reply);

        assert!(verdict.is_admit(), "{verdict:?}");
        assert_eq!(reply.len(), 1, "the second guard's");
        assert!(!reply.is_holding() && !reply.has_scopes());
        assert_eq!(reply.body_limit(), None);
    }
}

#[test]
fn any_of_lets_those_skip_that_did_not_admit() {
    /// Notes that it skipped a request.
    struct Skips(&'static str, fn() -> Verdict);

    impl Guard for Skips {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            (self.1)()
        }

        fn skip(&self, head: &mut request::Parts) {
            head.headers.append(NAME, HeaderValue::from_static(self.0));
        }
    }

    for admits in [|| Verdict::Admit, || later(|| Verdict::Admit)] {
        let (mut head, ()) = Request::new(()).into_parts();
        let mut reply = Reply::default();
        let guard = AnyOf::new()
            .or(Skips("a", refused))
            .or(Skips("b", admits))
            .or(Skips("c", refused));
        let verdict = settle(guard.admit(&mut head, &mut reply), &mut head, &mut reply);

        assert!(verdict.is_admit(), "{verdict:?}");
        assert_eq!(
            head.headers.get_all(NAME).iter().collect::<Vec<_>>(),
            ["a", "c"]
        );
    }
}

#[test]
fn any_of_needs_what_one_of_them_needs() {
    struct NeedsAddress;
    impl Guard for NeedsAddress {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            Verdict::Admit
        }

        fn needs(&self) -> &'static [Need] {
            &[Need::ClientAddress]
        }
    }
    let both = AnyOf::new()
        .or(NeedsAddress)
        .or(Talks(refused))
        .or(NeedsAddress);

    assert_eq!(both.needs(), [Need::ClientAddress, Need::Principal]);
    assert_eq!(AnyOf::new().or(Talks(refused)).needs(), [Need::Principal]);
    assert_eq!(AnyOf::new().or(NeedsAddress).needs(), [Need::ClientAddress]);
    assert_eq!(AnyOf::new().needs(), []);
}

#[test]
fn any_of_rejects_with_every_challenge_once() {
    let guard = AnyOf::new()
        .or(Says("a", refused))
        .or(Says("b", || later(|| refused_with("Bearer"))))
        .or(Says("c", refused));
    let rejection = rejection(judge(&guard).0);

    assert_eq!(rejection.kind(), RejectionKind::Unauthenticated);
    let challenges = rejection.headers().iter().map(|(_, value)| value);
    assert_eq!(challenges.collect::<Vec<_>>(), ["Basic", "Bearer"]);
    assert_eq!(guard.describe(), "a or b or c");
}

#[test]
fn a_store_that_is_down_is_no_wrong_key() {
    for guard in [
        AnyOf::new().or(Says("a", refused)).or(Says("b", down)),
        AnyOf::new().or(Says("a", down)).or(Says("b", refused)),
    ] {
        let rejection = rejection(judge(&guard).0);

        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert_eq!(rejection.headers(), []);
    }
}

#[test]
fn a_guard_that_is_not_there_admits_everything() {
    assert!(judge(&None::<Says>).0.is_admit());
    assert!(!None::<Says>.is_on() && Some(Says("a", refused)).is_on());
    assert!(judge(&AnyOf::new()).0.is_admit());
    assert!(!AnyOf::new().is_on());
}

#[test]
fn a_verdict_may_wait_more_than_once() {
    let twice = Says("a", || Verdict::defer(ready(()), |(), _, _| later(refused)));

    assert_eq!(
        rejection(judge(&twice).0).kind(),
        RejectionKind::Unauthenticated
    );
}

#[test]
fn a_deferred_verdict_can_be_dropped() {
    let (mut head, ()) = Request::new(()).into_parts();
    let mut reply = Reply::default();
    let mut cx = Context::from_waker(Waker::noop());
    let Verdict::Defer(mut deferred) = Verdict::defer(pending::<()>(), |(), _, _| Verdict::Admit)
    else {
        panic!("not deferred");
    };

    assert!(deferred.poll(&mut cx, &mut head, &mut reply).is_pending());
}

#[test]
fn a_reply_writes_fields_that_share_one_text() {
    let mut reply = Reply::default();
    reply.write(NAME, b"first");
    reply.write(HeaderName::from_static("x-other"), b"second");
    reply.write(HeaderName::from_static("x-bad"), b"\n");
    reply.insert_default(
        HeaderName::from_static("x-default"),
        HeaderValue::from_static("ours"),
    );
    let mut headers = HeaderMap::new();
    headers.insert("x-default", HeaderValue::from_static("the application's"));
    headers.insert("x-own", HeaderValue::from_static("the application's"));
    reply.apply(&mut headers, 0);

    assert_eq!(headers["x-own"], "first");
    assert_eq!(headers["x-other"], "second");
    assert_eq!(headers["x-default"], "the application's");
    assert!(!headers.contains_key("x-bad"));
}

#[test]
fn what_others_write_while_one_of_several_waits_is_kept() {
    struct Enters;
    impl Enter for Enters {
        fn enter(&mut self, poll: &mut dyn FnMut()) {
            poll();
        }
    }
    struct Leaves;
    impl Guard for Leaves {
        fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
            reply.enter(Some(Scope::new(Enters)));
            reply.insert(NAME, HeaderValue::from_static("left"));
            later(refused)
        }
    }
    let any = AnyOf::new()
        .or(Leaves)
        .or(Says("tokens", || Verdict::Admit));
    let (mut head, ()) = Request::new(()).into_parts();
    let mut reply = Reply::default();

    let verdict = any.admit(&mut head, &mut reply);
    let other = HeaderName::from_static("x-other");
    reply.write(other.clone(), b"kept");
    let entered = reply.take_scopes();
    let verdict = settle(verdict, &mut head, &mut reply);
    reply.put_scopes(entered);

    assert!(verdict.is_admit());
    assert!(!reply.has_scopes(), "of a guard that rejected");
    let mut headers = HeaderMap::new();
    reply.apply(&mut headers, 0);
    assert_eq!(
        (&headers[&other], &headers[NAME]),
        (
            &HeaderValue::from_static("kept"),
            &HeaderValue::from_static("tokens")
        )
    );
}

#[test]
fn a_value_with_white_space_at_its_ends_is_left_out() {
    for value in [&b"x "[..], b"x\t", b" x", b"\tx", b" "] {
        let mut reply = Reply::default();
        reply.write(NAME, value);

        assert!(reply.is_empty(), "{value:?}");
    }
    let mut reply = Reply::default();
    reply.write(NAME, b"x y");
    assert_eq!(reply.len(), 1);
}

#[test]
fn the_first_scheme_that_applies_decides() {
    fn cause(reason: Reason) -> Rejection {
        let cause = Cause::new(AuthScheme::ApiKey, reason);
        Rejection::new(RejectionKind::Unauthenticated).with_cause(cause)
    }
    for wrong in [
        (|| cause(Reason::WrongSecret).into()) as fn() -> Verdict,
        || later(|| cause(Reason::Expired).into()),
    ] {
        let guard = AnyOf::new()
            .or(Says("keys", wrong))
            .or(Says("tokens", || Verdict::Admit));
        let rejection = rejection(judge(&guard).0);

        assert_eq!(rejection.kind(), RejectionKind::Unauthenticated);
    }
    let guard = AnyOf::new()
        .or(Says("keys", || cause(Reason::NoCredentials).into()))
        .or(Says("tokens", || Verdict::Admit));
    assert!(judge(&guard).0.is_admit());
}

#[test]
fn a_final_refusal_has_the_challenges_of_all() {
    struct Wrong;
    impl Guard for Wrong {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            let cause = Cause::new(AuthScheme::ApiKey, Reason::WrongSecret);
            Rejection::new(RejectionKind::Unauthenticated)
                .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Own"))
                .with_cause(cause)
                .into()
        }

        fn challenges(&self) -> Vec<HeaderValue> {
            vec![HeaderValue::from_static("Own")]
        }
    }
    struct Other;
    impl Guard for Other {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            panic!("it is not this guard's");
        }

        fn challenges(&self) -> Vec<HeaderValue> {
            vec![HeaderValue::from_static("Other")]
        }
    }
    let rejection = rejection(judge(&AnyOf::new().or(Wrong).or(Other)).0);
    let challenges = rejection.headers().iter().map(|(_, value)| value);

    assert_eq!(challenges.collect::<Vec<_>>(), ["Own", "Other"]);
}

/// Admits a head, and refuses its body.
struct Later;

impl Guard for Later {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.check_body(Self);
        Verdict::Admit
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![HeaderValue::from_static("Later")]
    }
}

impl BodyCheck for Later {
    fn update(&mut self, _: &[u8]) {}

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        Poll::Ready(Err(self.unfinished().unwrap()))
    }

    fn unfinished(&self) -> Option<Rejection> {
        let rejection = Rejection::new(RejectionKind::Unauthenticated);
        Some(rejection.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Later")))
    }
}

#[test]
fn a_refusal_of_a_body_has_the_challenges_of_all() {
    struct Other;
    impl Guard for Other {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            refused()
        }

        fn challenges(&self) -> Vec<HeaderValue> {
            vec![HeaderValue::from_static("Basic")]
        }
    }
    let (mut head, ()) = Request::new(()).into_parts();
    let mut reply = Reply::default();
    let guard = AnyOf::new().or(Other).or(Later);
    assert!(guard.admit(&mut head, &mut reply).is_admit());
    let [check] = &mut reply.checks[..] else {
        panic!("one check");
    };

    let unfinished = check.unfinished().unwrap();
    let finished = check.poll_finish(&mut Context::from_waker(Waker::noop()));
    assert_eq!(finished, Poll::Ready(Err(unfinished.clone())));
    let challenges = unfinished.headers().iter().map(|(_, value)| value);
    assert_eq!(challenges.collect::<Vec<_>>(), ["Later", "Basic"]);
}

/// What must be signed, beside keys.
#[test]
fn if_all_reject_what_each_tells_is_told_once() {
    fn told(value: &'static str) -> Verdict {
        let rejection = Rejection::new(RejectionKind::Unauthenticated);
        rejection
            .with_header(NAME, HeaderValue::from_static(value))
            .into()
    }
    let guard = AnyOf::new()
        .or(Says("a", refused))
        .or(Says("b", || told("first")))
        .or(Says("c", || told("second")));
    let rejection = rejection(judge(&guard).0);
    let headers = rejection.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value))
        .collect();

    assert_eq!(
        headers[0],
        ("www-authenticate", &HeaderValue::from_static("Basic"))
    );
    assert_eq!(headers[1], ("x-own", &HeaderValue::from_static("first")));
    assert_eq!(headers.len(), 2);
}
