//! Routes whose answer goes on.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::{
        Response,
        sse::{Event, Sse},
    },
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::Frame;
use tokio::time::{Sleep, sleep};

/// Sends one chunk, and panics when it is asked for the next.
struct PanicsLater {
    pause: Pin<Box<Sleep>>,
    has_spoken: bool,
}

/// Counts, twice a second, for as long as somebody listens.
pub(crate) async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold(0_u64, |n| async move {
        if n > 0 {
            sleep(Duration::from_millis(500)).await;
        }
        Some((Ok(Event::default().data(n.to_string())), n + 1))
    });
    Sse::new(ticks)
}

/// 16 MiB: more than a system keeps for a client that does not read.
pub(crate) async fn large() -> Body {
    const CHUNK: Bytes = Bytes::from_static(&[b'.'; 1 << 16]);
    let chunks = (0..256).map(|_| Ok::<_, Infallible>(CHUNK));
    Body::from_stream(stream::iter(chunks))
}

/// Sends every message back.
pub(crate) async fn websocket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let is_content = matches!(message, Message::Text(_) | Message::Binary(_));
        if is_content && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A panic after the head was sent: there is no status left to say it with.
pub(crate) async fn panic_body() -> Body {
    Body::new(PanicsLater {
        pause: Box::pin(sleep(Duration::from_millis(100))),
        has_spoken: false,
    })
}

impl http_body::Body for PanicsLater {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.has_spoken {
            self.has_spoken = true;
            return Poll::Ready(Some(Ok(Frame::data("the first chunk\n".into()))));
        }
        match self.pause.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => panic!("the demo was asked to panic while it streams"),
        }
    }
}
