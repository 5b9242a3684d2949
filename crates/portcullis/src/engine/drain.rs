//! Reading what is left of a refused body, so that the client can read the answer; and of a body that a
//! guard wants.

use std::{
    future::poll_fn,
    mem,
    ops::ControlFlow,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Buf, BufMut};
use http_body::Body;
use portcullis_core::{BodyReader, Reply};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

/// Reads a body in a task of its own, for a bounded time and a bounded number of bytes, and so many at
/// once. What the reply holds is held as long. A body that a guard wants is read no further than that
/// wants it.
///
/// Outside a runtime there is no connection to keep, and nothing to do.
pub(super) fn spawn<B>(body: B, reply: &mut Reply)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if body.is_end_stream() {
        return Wanted::by(reply).end(true);
    }
    if let (Ok(runtime), Ok(place)) = (Handle::try_current(), PLACES.try_acquire()) {
        let held = Arc::new(Mutex::new(reply.take_held()));
        reply.hold(Arc::clone(&held));
        let mut wanted = Wanted::by(reply);
        runtime.spawn(async move {
            let _ = timeout(TIME, drain(body, &mut wanted)).await;
            wanted.end(false);
            drop((held, place));
        });
    }
}

async fn drain<B: Body>(body: B, wanted: &mut Wanted) {
    let mut body = pin!(body);
    let mut left = BYTES;
    while left > 0 {
        let frame = poll_fn(|cx| Pin::as_mut(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else {
            return wanted.end(frame.is_none());
        };
        // A frame without a byte is work as well.
        let read = frame.data_ref().map_or(0, Buf::remaining);
        left = left.saturating_sub(read.max(1));
        if let Ok(data) = frame.into_data()
            && wanted.add(data).is_break()
        {
            return;
        }
    }
}

/// What a guard wants of a body.
struct Wanted {
    reader: Option<BodyReader>,
    text: Vec<u8>,
}

// ===== impl Wanted =====

impl Wanted {
    fn by(reply: &mut Reply) -> Self {
        Self {
            reader: reply.take_reader(),
            text: Vec::new(),
        }
    }

    /// Adds what was read, and breaks where it is more than is wanted.
    fn add(&mut self, data: impl Buf) -> ControlFlow<()> {
        let Some(reader) = &self.reader else {
            return ControlFlow::Continue(());
        };
        if data.remaining() > reader.limit() - self.text.len() {
            return ControlFlow::Break(());
        }
        self.text.put(data);
        ControlFlow::Continue(())
    }

    /// Tells who wants the body that there is no more of it. Only the first call counts.
    fn end(&mut self, is_whole: bool) {
        let text = mem::take(&mut self.text);
        if let Some(reader) = self.reader.take() {
            reader.read(is_whole.then_some(&text));
        }
    }
}

/// In a process. A client beyond that finds its connection closed.
static PLACES: Semaphore = Semaphore::const_new(1024);
const TIME: Duration = Duration::from_secs(5);
const BYTES: usize = 16 * 1024 * 1024;
