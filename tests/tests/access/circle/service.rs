//! The service: the same method over gRPC, Connect and REST, and a conversation over WebSocket.

use std::{
    future::{Future, pending},
    pin::Pin,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, WebSocketUpgrade, ws::WebSocket},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{Stream, StreamExt, stream};
use portcullis::{Rejection, RejectionKind};
use portcullis_axum::{EdgeLayer, Refused};
use serde_json::json;
use tonic::{Code, Status, server::Grpc};
use tonic_prost::ProstCodec;

/// What is said, and what comes back.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
pub(super) struct Note {
    #[prost(string, tag = "1")]
    pub(super) text: String,
}

/// What a database answered. For logs only.
#[derive(Debug)]
struct QueryFailed;

/// A service of tonic's, as a generator would write it.
#[derive(Clone)]
struct Say;

#[derive(Clone)]
struct Listen;

type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

pub(super) fn app(edge: EdgeLayer) -> Router {
    Router::new()
        .route(SAY, post(say))
        .route(LISTEN, post(listen))
        .route("/notes", post(noted))
        .route("/live", get(live))
        .layer(edge)
}

/// Answers, or does what it is told to.
async fn answer(text: &str) -> Result<Note, QueryFailed> {
    tracing::info!(length = text.len(), "somebody speaks");
    match text {
        "slow" => pending().await,
        "panic" => panic!("{INTERNALS}"),
        "fail" => {
            tracing::error!(error = INTERNALS, "a query failed");
            Err(QueryFailed)
        }
        text => Ok(Note {
            text: format!("you said {text}"),
        }),
    }
}

/// The same path for gRPC and for Connect: the content type says which.
async fn say(request: Request) -> Response {
    if is_grpc(&request) {
        let mut server = Grpc::new(ProstCodec::<Note, Note>::default());
        return server.unary(Say, request).await.map(Body::new);
    }
    match read(request).await {
        Ok(note) => match answer(&note.text).await {
            Ok(note) => json(StatusCode::OK, &note),
            Err(QueryFailed) => {
                let error = json!({ "code": "unavailable", "message": "Try again later." });
                json(StatusCode::SERVICE_UNAVAILABLE, &error)
            }
        },
        Err(status) => json(status, &json!({ "code": "invalid_argument" })),
    }
}

async fn listen(request: Request) -> Response {
    let mut server = Grpc::new(ProstCodec::<Note, Note>::default());
    server
        .server_streaming(Listen, request)
        .await
        .map(Body::new)
}

async fn noted(text: String) -> Result<Response, Refused> {
    let answered = answer(&text).await;
    let answered = answered.map(|note| json(StatusCode::OK, &note));
    answered.map_err(|QueryFailed| {
        let rejection = Rejection::new(RejectionKind::Unavailable);
        Refused(rejection.with_detail("Try again later."))
    })
}

async fn live(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn is_grpc(request: &Request) -> bool {
    let content_type = request.headers().get("content-type");
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response {
    let text = serde_json::to_string(value).unwrap();
    (status, [("content-type", "application/json")], text).into_response()
}

/// Reads the message of a unary Connect call.
async fn read(request: Request) -> Result<Note, StatusCode> {
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let note = serde_json::from_slice(&body.map_err(|_| StatusCode::BAD_REQUEST)?);
    note.map_err(|_| StatusCode::BAD_REQUEST)
}

// ===== impl Say =====

impl tonic::server::UnaryService<Note> for Say {
    type Response = Note;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Note>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Note>) -> Self::Future {
        Box::pin(async move {
            let answered = answer(&request.get_ref().text).await;
            let answered = answered.map(tonic::Response::new);
            answered.map_err(|QueryFailed| Status::new(Code::Unavailable, "Try again later."))
        })
    }
}

// ===== impl Listen =====

impl tonic::server::ServerStreamingService<Note> for Listen {
    type Response = Note;
    type ResponseStream = Notes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Notes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Note>) -> Self::Future {
        let text = request.into_inner().text;
        let first = Note { text: "one".into() };
        let rest = stream::once(async move { answer(&text).await })
            .map(|note| note.map_err(|QueryFailed| Status::unavailable("Try again later.")));
        let notes = stream::iter([Ok(first)]).chain(rest);
        Box::pin(std::future::ready(Ok(tonic::Response::new(
            Box::pin(notes) as Notes,
        ))))
    }
}

pub(super) const SAY: &str = "/circle.v1.Circle/Say";
pub(super) const LISTEN: &str = "/circle.v1.Circle/Listen";

/// What no client may see.
pub(super) const INTERNALS: &str = "SELECT secret FROM notes: /srv/circle/db.rs";
