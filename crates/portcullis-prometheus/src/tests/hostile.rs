//! What clients choose, at random, through a whole edge.

use std::{convert::Infallible, future::pending, pin::pin, task::Poll, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::{
    ClientIp, Edge, Facts, PeerAddr,
    body_limit::RequestBody,
    client_ip::{Family, ResolveClientIp, Strategy},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Body, route};
use crate::Metrics;

fn series(metrics: &Metrics) -> usize {
    let text = metrics.encode();
    let counts = text
        .lines()
        .filter(|line| line.starts_with("http_server_request_duration_seconds_count"));
    counts.count()
}

fn edge(metrics: &Metrics) -> Edge {
    let strategy = Strategy::proxies(Family::XForwardedFor, "127.0.0.1").unwrap();
    Edge::new()
        .observe(metrics.clone())
        .route_from(route)
        .client_ip(ResolveClientIp::from_strategy(strategy))
}

/// A request whose every part is made up, to one of three routes.
fn forged(random: &mut StdRng) -> Request<Body> {
    let number: u32 = random.random();
    let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
    let method = [Method::GET, Method::POST, method][number as usize % 3].clone();
    let address = format!("{}.{}.1.1", number >> 8 & 255, number & 255);
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/{number}?{}", random.random::<u32>()))
        .header("host", format!("host{number}.example"))
        .header("user-agent", format!("agent/{number}"))
        .header("x-forwarded-for", address)
        .header("x-forwarded-host", format!("forwarded{number}.example"))
        .header("x-forwarded-proto", format!("scheme{number}"))
        .body(Body::default())
        .unwrap();
    Facts::of_mut(request.extensions_mut()).set(PeerAddr(([127, 0, 0, 1], 7).into()));
    let template = format!("/route/{}", number % 3);
    request.extensions_mut().insert(template);
    request
}

#[tokio::test]
async fn a_hundred_thousand_forged_requests_make_a_few_series() {
    let metrics = Metrics::new();
    let application = service_fn(|request: Request<RequestBody<Body>>| async move {
        let is_known = Facts::of(request.extensions()).get::<ClientIp>().is_some();
        assert!(is_known, "the forwarded address is read");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let service = edge(&metrics).build().unwrap().layer(application);
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..100_000 {
        let response = service.clone().oneshot(forged(&mut random)).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    // Three routes, and GET, POST and all others; and what hygiene refuses.
    let (routes, methods, statuses) = (3, 3, 3);
    let found = series(&metrics);
    assert!(found <= routes * methods * statuses, "{found}");
    let text = metrics.encode();
    for part in ["M1", "example", "agent/", "scheme1", "scheme2"] {
        assert!(!text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn statuses_that_a_handler_makes_up_are_bounded() {
    let metrics = Metrics::new();
    let application = service_fn(|request: Request<RequestBody<Body>>| async move {
        let code = request.uri().path().trim_start_matches('/').parse::<u16>();
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::from_u16(100 + code.unwrap() % 900).unwrap();
        Ok::<_, Infallible>(response)
    });
    let service = edge(&metrics).build().unwrap().layer(application);
    for code in 0..9000 {
        let mut request = Request::new(Body::default());
        *request.uri_mut() = format!("/{code}").parse().unwrap();
        request.headers_mut().insert("host", "a".parse().unwrap());
        let response = service.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    assert!(series(&metrics) <= 501, "{}", series(&metrics));
}

/// Requests that are given up at random: before the first poll, while the service waits, while the
/// body comes, or not at all.
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_cancelled_requests_leave_none_in_flight() {
    let metrics = Metrics::new();
    let application = service_fn(|_: Request<RequestBody<Body>>| async {
        sleep(Duration::from_millis(5)).await;
        let chunks = futures_util::stream::unfold(0_u8, |sent| async move {
            sleep(Duration::from_millis(1)).await;
            let frame = http_body::Frame::data(Bytes::from_static(b"hello"));
            (sent < 5).then_some((Ok::<_, Infallible>(frame), sent + 1))
        });
        Ok::<_, Infallible>(Response::new(http_body_util::StreamBody::new(chunks)))
    });
    let service = edge(&metrics).build().unwrap().layer(application);
    let mut random = StdRng::seed_from_u64(2);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100_000 {
        let (service, request) = (service.clone(), forged(&mut random));
        let time = Duration::from_micros(random.random_range(0..14_000));
        let is_polled = random.random_bool(0.9);
        running.spawn(async move {
            let future = service.oneshot(request);
            if is_polled {
                let whole = async { future.await.unwrap().into_body().collect().await.is_ok() };
                let _ = timeout(time, whole).await;
            }
        });
        if running.len() == 1000 {
            while running.join_next().await.is_some() {}
        }
    }
    while running.join_next().await.is_some() {}

    let text = metrics.encode();
    let active = text
        .lines()
        .filter(|line| line.starts_with("http_server_active_requests{"));
    let active: Vec<_> = active.collect();
    assert!(!active.is_empty());
    assert!(active.iter().all(|line| line.ends_with(" 0")), "{active:?}");
    let ended = |error: &str| -> usize {
        let lines = text.lines().filter(|line| {
            line.starts_with("http_server_request_duration_seconds_count{") && line.contains(error)
        });
        let counts = lines.filter_map(|line| line.rsplit_once(' '));
        counts
            .map(|(_, count)| count.parse::<usize>().unwrap())
            .sum()
    };
    let (gone, whole) = (ended("\"client_disconnect\""), ended("error_type=\"\""));
    assert!(gone > 10_000 && whole > 10_000, "{gone} {whole}");
}

/// A future that was polled once, and is dropped where it waits.
#[tokio::test]
async fn what_waits_is_in_flight() {
    let metrics = Metrics::new();
    let stuck = service_fn(|_: Request<RequestBody<Body>>| {
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let mut service = edge(&metrics).build().unwrap().layer(stuck);
    let is_active = |count: u32| {
        let text = metrics.encode();
        let mut lines = text
            .lines()
            .filter(|line| line.starts_with("http_server_active_requests{"));
        lines.any(|line| line.ends_with(&format!(" {count}")))
    };
    let mut request = Request::new(Body::default());
    request.headers_mut().insert("host", "a".parse().unwrap());

    {
        let mut future = pin!(service.ready().await.unwrap().call(request));
        let polled = futures_util::poll!(&mut future);
        assert!(matches!(polled, Poll::Pending));
        assert!(is_active(1));
    }
    assert!(is_active(0));
}
