//! A route that refuses everybody, and says for how long.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Request, Response, header::RETRY_AFTER};
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis_siege::{Profile, assault};
use tower::service_fn;

static WAITED: AtomicBool = AtomicBool::new(false);

/// A second first, and then as many as there are.
async fn refuse(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = Response::builder();
    let answer = match (request.uri().path(), WAITED.load(Relaxed)) {
        ("/api", true) => answer.status(429).header(RETRY_AFTER, u64::MAX),
        ("/api", false) => {
            WAITED.store(true, Relaxed);
            answer.status(429).header(RETRY_AFTER, 1)
        }
        _ => answer,
    };
    Ok(answer.body(Full::default()).unwrap())
}

#[tokio::test]
async fn no_wait_that_a_server_wishes_for_overflows() {
    let profile = "keys.valid = 'siege_valid_key'\nroutes.protected = '/api'";
    let siege = assault(service_fn(refuse)).profile(Profile::parse(profile).unwrap());

    let report = siege.only(["E02"]).await;

    let [outcome] = &report.outcomes[..] else {
        panic!("{report:?}");
    };
    assert!(WAITED.load(Relaxed), "nothing was waited for");
    assert!(!outcome.verdict.is_held(), "{outcome:?}");
}
