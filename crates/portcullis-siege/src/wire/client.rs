//! A polite client: hyper, on one connection.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{task::JoinSet, time::timeout};

use super::{Answer, Request, sources::connect};
use crate::{context::Context, verdict::Failure};

/// One connection. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    sender: Sender,
    _connection: JoinSet<()>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

// ===== impl Client =====

impl Client {
    pub(crate) async fn connect(
        context: &Context,
        from: Option<IpAddr>,
        http2: bool,
    ) -> Result<Self, Failure> {
        context.budget.connection()?;
        let opened = timeout(CONNECT, open(context, from, http2)).await;
        let opened = opened.map_err(|_| Failure::unclear("no connection within 3 s"));
        context.noting(opened.flatten(), |_| None)
    }

    /// Returns the whole answer, within 10 seconds.
    pub(crate) async fn send(
        &mut self,
        context: &Context,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let answered = timeout(ANSWER, self.whole(context, request)).await;
        answered
            .map_err(|_| Failure::unclear(format!("no answer of {} within 10 s", request.path)))?
    }

    async fn whole(&mut self, context: &Context, request: &Request) -> Result<Answer, Failure> {
        let response = self.start(context, request).await?;
        Ok(read(response).await)
    }

    /// Returns the answer's head; its body comes as it is read.
    pub(crate) async fn start(
        &mut self,
        context: &Context,
        request: &Request,
    ) -> Result<Response<Incoming>, Failure> {
        context.budget.request()?;
        context
            .budget
            .send(request.path.len() + request.body.len() + 100)?;
        let sent = self.sender.send(request.to_http(context)?).await;
        let sent = sent
            .map_err(|error| Failure::unclear(format!("no answer of {}: {error}", request.path)));
        let sent = context.noting(sent, |response| Some(response.status().as_u16()))?;
        context.noting_503(&request.path, sent.status().as_u16());
        Ok(sent)
    }
}

// ===== impl Sender =====

impl Sender {
    async fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

async fn open(context: &Context, from: Option<IpAddr>, http2: bool) -> Result<Client, Failure> {
    let io = TokioIo::new(connect(from, context.target.address()).await?);
    let mut connection = JoinSet::new();
    let sender = if http2 {
        let shaken = http2::handshake(TokioExecutor::new(), io).await;
        let (sender, driver) = shaken.map_err(|error| Failure::unclear(error.to_string()))?;
        connection.spawn(async move { drop(driver.await) });
        Sender::Http2(sender)
    } else {
        let shaken = http1::handshake(io).await;
        let (sender, driver) = shaken.map_err(|error| Failure::unclear(error.to_string()))?;
        connection.spawn(async move { drop(driver.await) });
        Sender::Http1(sender)
    };
    Ok(Client {
        sender,
        _connection: connection,
    })
}

/// Reads an answer to its end, or to where it was cut.
pub(crate) async fn read(response: Response<Incoming>) -> Answer {
    let (head, mut body) = response.into_parts();
    let mut answer = Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: Vec::new(),
        whole: true,
    };
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => answer
                .body
                .extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(_) => answer.whole = false,
        }
        if answer.body.len() > ENOUGH || !answer.whole {
            break;
        }
    }
    answer.headers.remove(header::DATE);
    answer
}

const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);
const ENOUGH: usize = 32 << 20;
