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

use super::{Answer, Ask, sources::connect};
use crate::{arena::Arena, verdict::Trouble};

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
        arena: &Arena,
        from: Option<IpAddr>,
        http2: bool,
    ) -> Result<Self, Trouble> {
        arena.budget.connection()?;
        let opened = timeout(CONNECT, open(arena, from, http2)).await;
        opened.map_err(|_| Trouble::Unclear("no connection within 3 s".to_owned()))?
    }

    /// The whole answer, within 10 seconds.
    pub(crate) async fn ask(&mut self, arena: &Arena, ask: &Ask) -> Result<Answer, Trouble> {
        let answered = timeout(ANSWER, self.whole(arena, ask)).await;
        answered.map_err(|_| Trouble::Unclear(format!("no answer of {} within 10 s", ask.path)))?
    }

    async fn whole(&mut self, arena: &Arena, ask: &Ask) -> Result<Answer, Trouble> {
        let response = self.send(arena, ask).await?;
        Ok(read(response).await)
    }

    /// The answer's head; its body comes as it is read.
    pub(crate) async fn send(
        &mut self,
        arena: &Arena,
        ask: &Ask,
    ) -> Result<Response<Incoming>, Trouble> {
        arena.budget.request()?;
        arena.budget.send(ask.path.len() + ask.body.len() + 100)?;
        let request = ask.request(arena)?;
        let sent = match &mut self.sender {
            Sender::Http1(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
            Sender::Http2(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
        };
        sent.map_err(|error| Trouble::Unclear(format!("no answer of {}: {error}", ask.path)))
    }
}

async fn open(arena: &Arena, from: Option<IpAddr>, http2: bool) -> Result<Client, Trouble> {
    let io = TokioIo::new(connect(from, arena.target.address()).await?);
    let mut connection = JoinSet::new();
    let unclear = |error: hyper::Error| Trouble::Unclear(error.to_string());
    let sender = match http2 {
        false => {
            let (sender, driver) = http1::handshake(io).await.map_err(unclear)?;
            connection.spawn(async move { drop(driver.await) });
            Sender::Http1(sender)
        }
        true => {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(unclear)?;
            connection.spawn(async move { drop(driver.await) });
            Sender::Http2(sender)
        }
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
