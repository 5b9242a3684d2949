use std::{
    fmt,
    task::{Context, Poll},
};

use crate::Rejection;

/// Checks the body of a request while it is read: a digest, a signature.
///
/// Given to [`Reply::check_body`](super::Reply::check_body). It sees the bytes as they were sent, before
/// any content coding is undone. What is known to be the last of them reaches the application only when
/// the check has finished, and so does the end of a body whose length is not known.
pub trait BodyCheck: Send + 'static {
    /// Reads the next bytes.
    fn update(&mut self, bytes: &[u8]);

    /// Judges the body when all of it was read. Polled until it is ready, and not again.
    ///
    /// A rejection takes the place of the response, unless that has begun; the application sees an error
    /// where the body would have ended.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>>;

    /// Returns why an application that answers before it has read all of the body may not: it was not
    /// known who sent the request. `None`, the default, lets it.
    fn unfinished(&self) -> Option<Rejection> {
        None
    }
}

// ===== impl BodyCheck =====

impl fmt::Debug for dyn BodyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyCheck")
    }
}
