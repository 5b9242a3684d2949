//! A collector that is as bad as a test wants it, over HTTP and over gRPC.

use std::{
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{
            ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        },
    },
    logs::v1::LogRecord,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Builder,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// A server on a thread of its own, so that tests may block.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Healthy,
    /// Never answers.
    Stalled,
    Slow(Duration),
    /// Answers with this status: HTTP's, or gRPC's with one of HTTP that is 200.
    Status(u16),
    /// Rejects so many of each message.
    Partial(i64),
    /// Answers with this status so many times, then it is healthy.
    Flaky(u16, usize),
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    spans: Vec<ResourceSpans>,
    logs: Vec<LogRecord>,
    metrics: Vec<String>,
    requests: Vec<(String, HeaderMap)>,
}

// ===== impl Collector =====

impl Collector {
    pub(crate) fn start(mode: Mode) -> Self {
        Self::start_with(mode, None)
    }

    pub(crate) fn start_with(mode: Mode, tls: Option<ServerConfig>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            mode: Some(mode),
            ..State::default()
        }));
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let (held, shared) = (Arc::clone(&state), Arc::clone(&state));
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                accept(listener, acceptor, shared).await;
            });
        });
        Self {
            address,
            state: held,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.lock().unwrap().mode = Some(mode);
    }

    pub(crate) fn resources(&self) -> Vec<ResourceSpans> {
        self.state.lock().unwrap().spans.clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.resources();
        let scopes = resources.into_iter().flat_map(|all| all.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        self.state.lock().unwrap().logs.clone()
    }

    /// The names of metrics.
    pub(crate) fn metrics(&self) -> Vec<String> {
        self.state.lock().unwrap().metrics.clone()
    }

    /// Paths and headers.
    pub(crate) fn requests(&self) -> Vec<(String, HeaderMap)> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    state: Arc<Mutex<State>>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().to_owned();
    let is_grpc = head
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/grpc");
    let mode = {
        let mut state = state.lock().unwrap();
        state.requests.push((path.clone(), head.headers.clone()));
        let mode = state.mode.unwrap();
        if let Mode::Flaky(status, left) = mode {
            state.mode = Some(if left > 1 {
                Mode::Flaky(status, left - 1)
            } else {
                Mode::Healthy
            });
        }
        mode
    };
    let rejected = match mode {
        Mode::Healthy => 0,
        Mode::Stalled => std::future::pending().await,
        Mode::Slow(time) => {
            tokio::time::sleep(time).await;
            0
        }
        Mode::Partial(rejected) => rejected,
        Mode::Status(status) | Mode::Flaky(status, _) => return Ok(failure(is_grpc, status)),
    };
    let message = unpack(&head.headers, &body, is_grpc);
    state.lock().unwrap().take(&path, &message);
    Ok(success(is_grpc, rejected))
}

impl State {
    fn take(&mut self, path: &str, message: &[u8]) {
        if path.contains("ogs") {
            let request = ExportLogsServiceRequest::decode(message).unwrap();
            let scopes = request
                .resource_logs
                .into_iter()
                .flat_map(|all| all.scope_logs);
            self.logs.extend(scopes.flat_map(|scope| scope.log_records));
        } else if path.contains("etrics") {
            let request = ExportMetricsServiceRequest::decode(message).unwrap();
            let scopes = request
                .resource_metrics
                .into_iter()
                .flat_map(|all| all.scope_metrics);
            let metrics = scopes.flat_map(|scope| scope.metrics);
            self.metrics.extend(metrics.map(|metric| metric.name));
        } else {
            let request = ExportTraceServiceRequest::decode(message).unwrap();
            self.spans.extend(request.resource_spans);
        }
    }
}

fn unpack(headers: &HeaderMap, body: &[u8], is_grpc: bool) -> Vec<u8> {
    let is_gzip = |name: &str| headers.get(name).is_some_and(|value| value == "gzip");
    let (body, is_compressed) = if is_grpc {
        let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
        assert_eq!(body.len(), 5 + length as usize);
        assert_eq!(body[0] == 1, is_gzip("grpc-encoding"));
        (&body[5..], body[0] == 1)
    } else {
        (body, is_gzip("content-encoding"))
    };
    if !is_compressed {
        return body.to_vec();
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(body).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn success(is_grpc: bool, rejected: i64) -> Response<Body> {
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: "too old".to_owned(),
    });
    let message = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    if !is_grpc {
        return Response::new(body(vec![Frame::data(message.into())]));
    }
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = body(vec![Frame::data(frame.into()), Frame::trailers(trailers)]);
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(body).unwrap()
}

fn failure(is_grpc: bool, status: u16) -> Response<Body> {
    let mut response = Response::new(body(Vec::new()));
    if is_grpc {
        response.headers_mut().insert("grpc-status", status.into());
    } else {
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
    }
    response
}

fn body(frames: Vec<Frame<Bytes>>) -> Body {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok))).boxed_unsync()
}
