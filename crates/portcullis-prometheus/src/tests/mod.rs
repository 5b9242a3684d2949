mod exemplars;
mod formats;
mod hostile;
mod sizes;

use std::{convert::Infallible, future::pending};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::{
    Count, Counts, Edge, Guard, Health, ObserveLayer, Rejection, RejectionKind, Reply, Slot,
    Verdict,
    body_limit::RequestBody,
    edge::{Alone, Plain},
    load_shed::LoadShed,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::Metrics;

type Body = Full<Bytes>;

async fn answer(request: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    let status = request.uri().query().and_then(|code| code.parse().ok());
    let mut response = Response::new(Body::from("hello"));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(response)
}

fn route(extensions: &Extensions) -> Option<&str> {
    extensions.get::<String>().map(String::as_str)
}

async fn send(metrics: &Metrics, method: &str, query: &str, template: Option<&str>) {
    let uri = format!("/?{query}");
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::default())
        .unwrap();
    if let Some(template) = template {
        request.extensions_mut().insert(template.to_owned());
    }
    let layer = ObserveLayer::new(metrics.clone()).route_from(route);
    let Ok(response) = layer.layer(service_fn(answer)).oneshot(request).await;
    response.into_body().collect().await.unwrap();
}

fn count(metrics: &Metrics, labels: &str) -> usize {
    let line = format!("http_server_request_duration_seconds_count{{{labels}}} ");
    let text = metrics.encode();
    let value = text.lines().find_map(|found| found.strip_prefix(&line));
    value.map_or(0, |value| value.parse().unwrap())
}

fn labels(method: &str, route: &str, status: &str, error: &str) -> String {
    format!(
        "http_request_method=\"{method}\",http_route=\"{route}\",\
         http_response_status_code=\"{status}\",url_scheme=\"http\",error_type=\"{error}\""
    )
}

#[tokio::test]
async fn counts_by_method_route_status_and_error() {
    let metrics = Metrics::new();
    for _ in 0..3 {
        send(&metrics, "GET", "200", Some("/users/{id}")).await;
    }
    send(&metrics, "POST", "404", None).await;
    send(&metrics, "GET", "503", None).await;

    assert_eq!(count(&metrics, &labels("GET", "/users/{id}", "200", "")), 3);
    assert_eq!(count(&metrics, &labels("POST", "", "404", "")), 1);
    assert_eq!(count(&metrics, &labels("GET", "", "503", "503")), 1);
}

#[tokio::test]
async fn a_client_chooses_no_label() {
    let metrics = Metrics::new();
    for n in 0..100 {
        send(&metrics, &format!("EVIL{n}"), "200", None).await;
    }

    assert_eq!(count(&metrics, &labels("_OTHER", "", "200", "")), 100);
    assert!(!metrics.encode().contains("EVIL"));
}

#[tokio::test]
async fn routes_are_bounded() {
    let metrics = Metrics::new();
    for n in 0..1500 {
        send(&metrics, "GET", "200", Some(&format!("/{n}"))).await;
    }

    assert_eq!(count(&metrics, &labels("GET", "_OTHER", "200", "")), 500);
    assert_eq!(count(&metrics, &labels("GET", "/999", "200", "")), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_gauge_right() {
    let metrics = Metrics::new();
    let stuck =
        service_fn(|_: Request<RequestBody<Body>>| pending::<Result<Response<Body>, Infallible>>());
    let mut service = ObserveLayer::new(metrics.clone()).layer(stuck);
    let active = |value| {
        let line = "http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}";
        metrics.encode().contains(&format!("{line} {value}\n"))
    };

    let future = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Body::default()));
    assert!(active(1));
    drop(future);
    assert!(active(0));
    assert_eq!(
        count(&metrics, &labels("GET", "", "", "client_disconnect")),
        1
    );
}

#[tokio::test]
async fn refusals_are_counted_by_layer_reason_and_policy() {
    #[derive(Clone)]
    struct Closed;
    impl Guard for Closed {
        fn admit(&self, _: &mut http::request::Parts, _: &mut Reply) -> Verdict {
            let rejection = Rejection::new(RejectionKind::RateLimited).with_layer("gate");
            rejection.with_violated_policy("hourly").into()
        }
    }
    let metrics = Metrics::new();
    let gate = Alone::<_, Plain>::from(Closed).layer(service_fn(answer));
    let service = ObserveLayer::new(metrics.clone()).layer(gate);
    let Ok(response) = service.oneshot(Request::new(Body::default())).await;
    response.into_body().collect().await.unwrap();

    let line =
        "portcullis_rejections_total{layer=\"gate\",reason=\"rate-limited\",policy=\"hourly\"} 1";
    assert!(metrics.encode().contains(line));
}

#[test]
fn shows_what_layers_count_by_themselves() {
    struct Layer(&'static str);
    impl Counts for Layer {
        fn counts(&self) -> Vec<Count> {
            vec![
                Count::total("gate_refused", "Refused", 3).label("policy", self.0),
                Count::gauge("gate_open", "Whether it is open", 1),
            ]
        }
    }
    let metrics = Metrics::new();
    for policy in ["a", "b", "b"] {
        metrics.add(Layer(policy));
    }

    let text = metrics.encode();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("gate")).collect();
    assert_eq!(
        lines,
        [
            "# HELP gate_open Whether it is open",
            "# TYPE gate_open gauge",
            "gate_open 3",
            "# HELP gate_refused Refused",
            "# TYPE gate_refused counter",
            "gate_refused_total{policy=\"a\"} 3",
            "gate_refused_total{policy=\"b\"} 6",
        ]
    );
}

#[test]
fn shows_what_the_guards_of_an_edge_count() {
    struct Counted;
    impl Guard for Counted {
        fn admit(&self, _: &mut http::request::Parts, _: &mut Reply) -> Verdict {
            Verdict::Admit
        }

        fn counts(&self) -> Vec<Count> {
            vec![Count::total("guard_refused", "Refused", 7)]
        }
    }
    let metrics = Metrics::new();
    let edge = Edge::new()
        .observe(metrics.clone())
        .guard(Slot::LoadShed, Counted)
        .build()
        .unwrap();

    assert!(metrics.encode().contains("\nguard_refused_total 7\n"));
    assert_eq!(
        edge.explain().lines().next().unwrap().value(),
        Some("metrics")
    );
}

#[tokio::test]
async fn what_two_edges_share_is_shown_once() {
    let metrics = Metrics::new();
    let health = Health::new();
    let shed = LoadShed::fixed(7);
    let edge = || {
        let edge = Edge::new().observe(metrics.clone());
        let edge = edge.health(&health).load_shed(shed.clone());
        edge.build().unwrap()
    };
    let _two = (edge(), edge());
    // Someone may add them too.
    metrics.add(health.clone());
    metrics.add(shed.clone());

    let page = metrics.encode();
    for line in [
        "portcullis_health_status{probe=\"live\"} 2\n",
        "portcullis_load_shed_limit 7\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[tokio::test]
async fn what_each_edge_has_of_its_own_is_added_up() {
    let metrics = Metrics::new();
    let edge = || {
        let edge = Edge::new().observe(metrics.clone());
        edge.load_shed(LoadShed::fixed(7)).build().unwrap()
    };
    let _two = (edge(), edge());

    let page = metrics.encode();
    assert!(page.contains("portcullis_load_shed_limit 14\n"), "{page}");
}
