//! Requests that the server could not read.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request};
use http_body::SizeHint;
use portcullis_core::{Outcome, Rejection};

use super::{Stack, passage::Passage};

/// Answers a request that nobody could read: observers see it, and the guards that are asked about
/// every request complete the response.
pub(crate) fn refuse_unparsed(
    stack: Arc<Stack>,
    mut head: request::Parts,
    rejection: Rejection,
) -> Response<Bytes> {
    let mut passage = Passage::new(stack, SizeHint::with_exact(0));
    passage.begin(&mut head);
    let response = passage.refuse_head(rejection, &head);
    let (mut head, mut body) = response.into_parts();
    passage.note_head(&head);
    if let Some(answer) = passage.complete(&mut head, true) {
        body = answer;
    }
    passage.watch.on_bytes(body.len() as u64);
    passage.end(Outcome::Complete);
    Response::from_parts(head, body)
}
