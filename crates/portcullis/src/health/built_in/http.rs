use std::{
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header, uri::Scheme};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis_core::{BoxError, ConfigError};
use tokio::net::TcpStream;

use crate::health::check::Check;

/// Where a check asks.
#[derive(Clone)]
struct Target {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// No body.
struct Nothing;

// ===== impl Check =====

impl Check {
    /// Creates a check that sends `GET` to a URL, over HTTP/1.1 and a connection of its own, and wants a
    /// status of 2xx. A redirect is none: it is not followed. The body is not read, and of the head at
    /// most 16 KiB.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no URL, has user information, or has another scheme than `http`: for
    /// others a closure may use a client of its own.
    ///
    /// ```
    /// use portcullis::{Health, health::Check};
    ///
    /// let stock = Check::http_get("stock", "http://stock.internal/health")?.advisory();
    /// let health = Health::new().add_check(stock);
    /// # let _ = health;
    /// assert_eq!(
    ///     Check::http_get("stock", "https://stock.internal/").unwrap_err().to_string(),
    ///     "health: check \"stock\": \"https://stock.internal/\" is not a URL of http",
    /// );
    /// # Ok::<(), portcullis::ConfigError>(())
    /// ```
    pub fn http_get(name: &str, url: &str) -> Result<Self, ConfigError> {
        let problem = || format!("health: check {name:?}: {url:?} is not a URL of http");
        let target = Target::parse(url).ok_or_else(|| ConfigError::new(problem()))?;
        Ok(Self::new(name, move || target.clone().get()))
    }
}

// ===== impl Target =====

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let uri = url.parse::<Uri>().ok()?;
        let authority = uri.authority()?;
        let is_right = uri.scheme() == Some(&Scheme::HTTP)
            && !authority.as_str().contains('@')
            && !authority.host().is_empty();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        is_right.then(|| Self {
            // A literal of IPv6 stands in brackets.
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    }

    async fn get(self) -> Result<(), BoxError> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        let mut client = http1::Builder::new();
        client.max_buf_size(MOST);
        let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await?;
        let request = Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, "portcullis")
            .header(header::CONNECTION, "close")
            .body(Nothing)?;
        let answered = async {
            let response = sender.send_request(request).await?;
            judge(response.status())
        };
        let mut answered = pin!(answered);
        tokio::select! {
            biased;
            result = &mut answered => result,
            // What it read last may be the answer.
            _ = connection => answered.await,
        }
    }
}

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

fn judge(status: StatusCode) -> Result<(), BoxError> {
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("status {status}").into())
    }
}

/// Bytes of a head.
const MOST: usize = 16 * 1024;
