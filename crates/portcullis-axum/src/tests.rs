use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    routing::{get, post},
};
use http::{Request, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use portcullis::{
    ClientIp, Principal, RequestId,
    client_ip::{ResolveClientIp, Strategy},
};
use tower::ServiceExt;

use super::{Fact, edge};

async fn get_text(app: Router) -> (StatusCode, String) {
    let peer: SocketAddr = "192.0.2.1:9".parse().unwrap();
    let request = Request::get("/").header("host", "localhost");
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_handler_extracts_what_the_edge_found_out() {
    let handler = |Fact(ClientIp(ip)): Fact<ClientIp>,
                   Fact(id): Fact<RequestId>,
                   who: Option<Fact<Principal>>| async move {
        format!("{ip} {} {}", id.to_string().len(), who.is_some())
    };
    let edge = edge().build().unwrap();
    let app = Router::new().route("/", get(handler)).layer(edge);

    let (status, text) = get_text(app).await;
    assert_eq!((status, &*text), (StatusCode::OK, "192.0.2.1 36 false"));
}

#[tokio::test]
async fn what_is_missing_is_an_error_that_tells_nothing() {
    let handler = |Fact(_): Fact<Principal>| async { "never" };
    let app = Router::new().route("/", get(handler));

    let (status, text) = get_text(app).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text,
        "{\"type\":\"urn:portcullis:problem:misconfigured\",\
         \"title\":\"The server failed on this request\",\"status\":500}"
    );
}

#[tokio::test]
async fn the_peer_is_that_of_axum_however_the_client_is_found() {
    let handler = |Fact(ClientIp(ip)): Fact<ClientIp>| async move { ip.to_string() };
    let guard = ResolveClientIp::from_strategy(Strategy::peer());
    for edge in [
        edge(),
        edge().trust_proxies("10.0.0.1"),
        edge().client_ip(guard),
    ] {
        let app = Router::new()
            .route("/", get(handler))
            .layer(edge.build().unwrap());

        assert_eq!(
            get_text(app).await,
            (StatusCode::OK, "192.0.2.1".to_owned())
        );
    }
}

#[tokio::test]
async fn a_body_keeps_its_length_and_its_limit() {
    let handler = |body: Body| async move {
        body.size_hint()
            .exact()
            .map_or("unknown".into(), |n| n.to_string())
    };
    let app = || {
        Router::new()
            .route("/", post(handler))
            .layer(edge().body_limit(9).build().unwrap())
    };
    let send = async |body: Body| {
        let request = Request::post("/").header("host", "localhost");
        let response = app().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.into()).unwrap())
    };
    let chunked = || Body::new(Body::from("hello").map_frame(|frame| frame));

    assert_eq!(send(Body::from("hello")).await, (200, "5".into()));
    assert_eq!(send(chunked()).await, (200, "unknown".into()));
    assert_eq!(send(Body::from("0123456789")).await.0, 413);
}

#[tokio::test]
async fn an_edge_around_the_router_learns_the_route() {
    #[derive(Clone, Default)]
    struct Routes(std::sync::Arc<std::sync::Mutex<Vec<Option<&'static str>>>>);
    impl portcullis::observe::Observer for Routes {
        fn end(&self, exchange: &portcullis::observe::Exchange) {
            let route = exchange.route().map(portcullis::observe::Route::as_str);
            self.0.lock().unwrap().push(route);
        }
    }
    let routes = Routes::default();
    let users = Router::new().route("/{id}", get(|| async { "hello" }));
    let app = Router::new().nest("/users", users);
    let around = edge().observe(routes.clone()).build().unwrap();
    for app in [app.clone(), app.layer(crate::RouteLayer::new())] {
        for path in ["/users/7", "/none"] {
            let app = tower::Layer::layer(&around, app.clone());
            let request = Request::get(path).header("host", "localhost");
            let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
            response.unwrap().into_body().collect().await.unwrap();
        }
    }

    let expected = [None, None, Some("/users/{id}"), None];
    assert_eq!(*routes.0.lock().unwrap(), expected);
}
