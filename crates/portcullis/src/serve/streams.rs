//! Streams of HTTP/2, each a task.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::bodies::{Given, watching};

/// Spawns streams, and resets those whose client doesn't read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    pub(super) write_timeout: Duration,
}

pin_project! {
    /// A stream. Hyper doesn't ask its body while the client's window is full: who has given a frame
    /// and is not asked for the next waits for the client.
    struct Stream<F> {
        #[pin]
        stream: F,
        waits_for_client: bool,
        write_timeout: Duration,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

// ===== impl Streams =====

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(Stream {
            stream,
            waits_for_client: false,
            write_timeout: self.write_timeout,
            timer: None,
        });
    }
}

// ===== impl Stream =====

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (polled, given) = watching(|| this.stream.poll(cx));
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if given != Given::NotPolled {
            *this.waits_for_client = given == Given::Frame;
            // The client took something: its time begins again.
            *this.timer = None;
        }
        if !*this.waits_for_client {
            return Poll::Pending;
        }
        let until = Instant::now() + *this.write_timeout;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        // Dropped, the stream is reset.
        timer.as_mut().poll(cx)
    }
}
