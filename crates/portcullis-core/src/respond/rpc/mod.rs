//! Refusals of calls, in the shape that their clients read.

mod code;
mod connect;
mod details;
mod format;
mod grpc;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(super) use self::{connect::Connect, format::format_of, grpc::Grpc};
use crate::Rejection;

/// Returns what a client's log shows: the title, and what there is to say of this request.
fn message(rejection: &Rejection) -> Cow<'static, str> {
    let title = rejection.kind().title();
    match rejection.detail() {
        Some(detail) => format!("{title}: {detail}").into(),
        None => title.into(),
    }
}

/// Returns a message behind its flags and its length: the frame of gRPC, gRPC-Web and Connect.
fn framed(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(5 + message.len());
    frame.push(flags);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
