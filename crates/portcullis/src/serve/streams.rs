//! Streams of HTTP/2, each a task.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::bodies::{Given, watching};
use crate::lazy_timer::LazyTimer;

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
        // Until when the client must have taken something.
        until: Option<Instant>,
        write_timeout: Duration,
        timer: LazyTimer,
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
            until: None,
            write_timeout: self.write_timeout,
            timer: LazyTimer::new(),
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
        match given {
            // The client took something: its time begins again.
            Given::Frame => *this.until = Instant::now().checked_add(*this.write_timeout),
            Given::Nothing => *this.until = None,
            Given::NotPolled => {}
        }
        match *this.until {
            // Dropped, the stream is reset.
            Some(until) => this.timer.poll_until(until, cx),
            None => Poll::Pending,
        }
    }
}
