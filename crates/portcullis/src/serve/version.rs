//! Which version of HTTP a client speaks.

use std::io;

use tokio::io::AsyncReadExt;

use super::{any_io::BoxIo, begun::Begun, wire::PREFACE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads until the first byte that isn't of HTTP/2's preface, or to its end.
///
/// # Errors
///
/// Returns an error when the connection ends before.
pub(super) async fn read(io: &mut BoxIo, begun: &mut Begun) -> io::Result<Version> {
    loop {
        if io.read_buf(begun.buffer()).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = begun.bytes();
        if bytes.starts_with(&PREFACE) {
            return Ok(Version::Http2);
        }
        if !PREFACE.starts_with(bytes) {
            return Ok(Version::Http1);
        }
    }
}
