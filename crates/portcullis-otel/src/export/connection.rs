//! One request to a collector.

use std::{error::Error, io::Write, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use portcullis_core::BoxError;

use super::{Protocol, Target, answer::Attempt, grpc};

/// Connections to one collector, and what is sent with each request.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Target,
}

// ===== impl Connection =====

impl Connection {
    pub(super) fn try_new(target: Target) -> Result<Self, BoxError> {
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(target.tls.config()?)
            .https_or_http();
        let is_grpc = target.protocol == Protocol::Grpc;
        let connector = if is_grpc {
            builder.enable_http2().build()
        } else {
            builder.enable_http1().build()
        };
        // A connection that died without a word is found out by its pings.
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(is_grpc)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build(connector);
        Ok(Self { client, target })
    }

    /// Returns what is sent as the body: compressed, and in a frame, where that is wanted.
    pub(super) fn body(&self, message: Vec<u8>) -> Option<Bytes> {
        let message = if self.target.gzip {
            gzip(&message)?
        } else {
            message
        };
        match self.target.protocol {
            Protocol::Grpc => grpc::frame(&message, self.target.gzip),
            Protocol::Http => Some(message.into()),
        }
    }

    /// Sends a body once.
    pub(super) async fn send(&self, body: Bytes) -> Attempt {
        match self.exchange(body).await {
            Ok(attempt) => attempt,
            Err(error) => Attempt::Again(error.to_string(), None),
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<Attempt, BoxError> {
        let response = self.client.request(self.request(body)).await;
        let response = response.map_err(|error| chain(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect();
        let body = body.await.map_err(|error| chain(&*error))?;
        let trailers = body.trailers().cloned();
        let message = body.to_bytes();
        Ok(match self.target.protocol {
            Protocol::Http => Attempt::of_http(head.status, &head.headers, &message),
            Protocol::Grpc => grpc::read(head.status, &head.headers, &message, trailers.as_ref()),
        })
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        request.uri_mut().clone_from(&self.target.uri);
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, USER_AGENT);
        // What the variable says counts more than our name.
        headers.extend(self.target.headers.clone());
        match self.target.protocol {
            Protocol::Grpc => self.say_grpc(headers),
            Protocol::Http => self.say_http(headers),
        }
        request
    }

    fn say_grpc(&self, headers: &mut HeaderMap) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        if self.target.gzip {
            headers.insert("grpc-encoding", GZIP);
        }
    }

    fn say_http(&self, headers: &mut HeaderMap) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        if self.target.gzip {
            headers.insert(header::CONTENT_ENCODING, GZIP);
        }
    }
}

/// It writes to memory, which does not fail.
fn gzip(message: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(message).ok()?;
    encoder.finish().ok()
}

/// An error with what it came of: hyper's own says little.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

const PING: Duration = Duration::from_secs(10);

/// Of an answer, in bytes.
const LONGEST: usize = 64 * 1024;

const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!(
    "portcullis-otel/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust"
));
