//! Reading what is left of a refused body, so that the client can read the answer.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::Buf;
use http_body::Body;
use tokio::{runtime::Handle, time::timeout};

/// Reads a body in a task of its own, for a bounded time and a bounded number of bytes.
///
/// Outside a runtime there is no connection to keep, and nothing to do.
pub(super) fn spawn<B>(body: B)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(timeout(TIME, drain(body)));
    }
}

async fn drain<B: Body>(body: B) {
    let mut body = pin!(body);
    let mut left = BYTES;
    while left > 0 {
        let frame = poll_fn(|cx| Pin::as_mut(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else { return };
        let read = frame.data_ref().map_or(0, Buf::remaining);
        left = left.saturating_sub(read);
    }
}

const TIME: Duration = Duration::from_secs(5);
const BYTES: usize = 16 * 1024 * 1024;
