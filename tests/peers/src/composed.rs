//! Today's usual layers, each as its documentation shows it.

use std::{error::Error, time::Duration};

use axum::{Router, http::StatusCode, middleware::from_fn_with_state, routing::get};
use axum_helmet::Helmet;
use axum_prometheus::PrometheusMetricLayer;
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use tower::ServiceBuilder;
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::SmartIpKeyExtractor,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
};

use crate::{app, key_check, trace};

/// The application within all layers. 10 requests a second for each client, a body of 1 MiB, 2 s
/// for a handler.
pub(crate) fn router() -> Result<Router, Box<dyn Error>> {
    trace::install()?;
    let (metrics, recorder) = PrometheusMetricLayer::pair();
    let quota = GovernorConfigBuilder::default()
        .period(Duration::from_millis(100))
        .burst_size(10)
        .key_extractor(SmartIpKeyExtractor)
        .use_headers()
        .finish()
        .ok_or("a quota of zero")?;
    let deadline = Duration::from_secs(2);
    let guards = ServiceBuilder::new()
        .layer(GovernorLayer::new(quota))
        .layer(from_fn_with_state(key_check::keys(), key_check::check))
        .layer(RequestBodyLimitLayer::new(1 << 20))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            deadline,
        ));
    let edge = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(OtelAxumLayer::default())
        .layer(OtelInResponseLayer)
        .layer(metrics)
        .layer(Helmet::default().into_layer()?)
        .layer(CatchPanicLayer::new());
    let probes = Router::new()
        .route("/health", app::health())
        .route("/metrics", get(async move || recorder.render()));
    Ok(app::guarded().layer(guards).merge(probes).layer(edge))
}
