//! Sentences of the docs, each held by a test.

#![expect(clippy::unwrap_used, reason = "tests")]

mod ends;
mod health;
mod lines;
mod secrets;

use std::{convert::Infallible, io, sync::Arc, sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::{
    Edge, Exchange, Observer, access_log::AccessLog, body_limit::RequestBody, hygiene::Hygiene,
};
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Exchange>>>);

impl Observer for Seen {
    fn end(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

type Req = Request<RequestBody<Full<Bytes>>>;

async fn ok(_: Req) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

async fn line(request: http::request::Builder, body: &'static str, strict: bool) -> String {
    let written = Written::default();
    let log = AccessLog::to_writer(written.clone()).build().unwrap();
    let mut edge = Edge::new().access_log(log.clone());
    if !strict {
        edge = edge.hygiene(None::<Hygiene>);
    }
    let edge = edge.build().unwrap();
    let request = request
        .header("host", "localhost")
        .body(Full::from(body))
        .unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    log.flush(Duration::from_secs(5)).await.unwrap();
    written.text()
}
