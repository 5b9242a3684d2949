use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use portcullis::{ClientIp, Edge, Principal, RequestId};
use tower::ServiceExt;

use super::{EdgeExt, FromEdge};

async fn get_text(app: Router) -> (StatusCode, String) {
    let peer: SocketAddr = "192.0.2.1:9".parse().unwrap();
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_handler_extracts_what_the_edge_found_out() {
    let handler = |FromEdge(ClientIp(ip)): FromEdge<ClientIp>,
                   FromEdge(id): FromEdge<RequestId>,
                   who: Option<FromEdge<Principal>>| async move {
        format!("{ip} {} {}", id.to_string().len(), who.is_some())
    };
    let edge = Edge::new().for_axum().build().unwrap();
    let app = Router::new().route("/", get(handler)).layer(edge);

    let (status, text) = get_text(app).await;
    assert_eq!((status, &*text), (StatusCode::OK, "192.0.2.1 36 false"));
}

#[tokio::test]
async fn what_is_missing_is_an_error_that_tells_nothing() {
    let handler = |FromEdge(_): FromEdge<Principal>| async { "never" };
    let app = Router::new().route("/", get(handler));

    let (status, text) = get_text(app).await;
    assert_eq!((status, &*text), (StatusCode::INTERNAL_SERVER_ERROR, ""));
}
