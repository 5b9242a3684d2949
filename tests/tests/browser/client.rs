//! The part of WebDriver that the test speaks: JSON over HTTP/1.1, one connection each.

use std::error::Error;

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Speaks to a driver on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    port: u16,
}

// ===== impl Client =====

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, String::new()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.send(Method::DELETE, path, String::new()).await
    }

    /// Returns the member `value` of the answer, or its error as an error.
    async fn send(&self, method: Method, path: &str, body: String) -> Result<Value> {
        let authority = format!("127.0.0.1:{}", self.port);
        let stream = TcpStream::connect(&authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);

        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", authority)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = sender.send_request(request).await?;
        let succeeded = response.status().is_success();
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();

        let mut answer: Value = serde_json::from_slice(&body)?;
        let value = answer["value"].take();
        if succeeded {
            Ok(value)
        } else {
            Err(format!("{path}: {}", value["message"]).into())
        }
    }
}
