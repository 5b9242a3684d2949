//! An upstream behind a circuit breaker.

use std::{io, time::Duration};

use http::{Request, Response};
use portcullis::{
    ConfigError,
    outbound::{BreakerConfig, CallError, Outbound, OutboundLayer},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::dependencies::Dependency;

/// Takes payments, while its dependency is up.
#[derive(Clone, Debug)]
pub(crate) struct Payments {
    dependency: Dependency,
    outbound: OutboundLayer,
}

// ===== impl Payments =====

impl Payments {
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let breaker = BreakerConfig::new().failures(3).open_for(OPEN).successes(1);
        Ok(Self {
            dependency: Dependency::new("payments"),
            outbound: Outbound::new().breaker(breaker).build()?,
        })
    }

    pub(crate) const fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// Returns what the upstream said.
    pub(crate) async fn pay(&self) -> Result<&'static str, CallError<io::Error>> {
        let upstream = service_fn(|_: Request<String>| async {
            self.dependency.clone().call().await?;
            Ok::<_, io::Error>(Response::new("charged"))
        });
        let mut request = Request::new(String::from("12.50 EUR"));
        // Never twice: no retry.
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("http://payments.example/charges");
        let response = self.outbound.layer(upstream).oneshot(request).await?;
        Ok(response.into_body())
    }
}

/// Short, so that a person at the page sees it close again.
const OPEN: Duration = Duration::from_secs(2);
