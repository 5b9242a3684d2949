use std::{future::Ready, time::Duration};

use portcullis_test::{Body, Probe, contract};

use super::{Log, Noted, Notes, admits, admits_later, edge, rejects};
use crate::{
    Edge, Health, ObserveLayer, Slot,
    body_limit::BodyLimitLayer,
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    engine::{Alone, EdgeBody, EdgeFuture, EdgeService, GuardLayer, Plain, Wrapped},
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};

fn noted(says: fn() -> portcullis_core::Verdict) -> Noted {
    Noted::new("a", &Log::default(), says)
}

fn full() -> Edge {
    edge()
        .timeout(Duration::from_secs(9))
        .body_limit(9)
        .health(&Health::new())
        .observe(Notes::default())
        .guard(Slot::RateLimit, noted(admits_later))
        .guard(Slot::Authentication, noted(admits_later))
}

contract!(
    Edge::new().build().unwrap(),
    edge().catch_panic(false).build().unwrap(),
    full().build().unwrap(),
    full()
        .guard(Slot::InFlight, noted(rejects))
        .build()
        .unwrap(),
    BodyLimitLayer::new(9),
    CatchPanicLayer::new(),
    ClientIpLayer::default(),
    GuardLayer::from(noted(admits)),
    GuardLayer::from(noted(admits_later)),
    GuardLayer::from(noted(rejects)),
    GuardLayer::<Noted>::off(),
    Health::new().layer(),
    ObserveLayer::new(Notes::default()),
    ObserveLayer::off(),
    RequestIdLayer::new(),
    SecureHeadersLayer::strict(),
    TimeoutLayer::new(Duration::from_secs(9)),
    Alone::<_, Wrapped>::from(noted(admits_later)),
);

#[cfg(feature = "auth")]
mod with_auth {
    use super::*;
    use crate::api_key::{ApiKeyLayer, Keys};

    contract!(ApiKeyLayer::new(Keys::default()));
}

#[cfg(feature = "rate-limit")]
mod with_rate_limit {
    use super::*;
    use crate::rate_limit::{InFlightLayer, RateLimitLayer};

    contract!(InFlightLayer::new(9), RateLimitLayer::default());
}

const fn is_send<T: Send>() {}

const fn is_shared<T: Send + Sync + Clone + 'static>() {}

/// Whatever the edge consists of: what is in it has no type.
const _: () = {
    is_send::<EdgeFuture<Ready<()>, Plain>>();
    is_send::<EdgeFuture<Ready<()>, Wrapped>>();
    is_send::<EdgeBody<Body>>();
    is_shared::<EdgeService<Probe, Plain>>();
    is_shared::<EdgeService<Probe, Wrapped>>();
    is_shared::<crate::EdgeLayer>();
    is_shared::<Alone<Noted>>();
};
