//! C: HTTP/2.

use std::time::Duration;

use crate::{
    context::{Context, route},
    verdict::Failure,
    wire::encode,
};

mod batches;
mod downgrade;
mod floods;
mod requests;
mod stalls;
mod table;
mod unfinished;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    batches::control_batches,
    downgrade::through_fronts,
    floods::{
        continuation_flood, empty_data_flood, made_you_reset, ping_flood, rapid_reset,
        settings_flood,
    },
    requests::{authority_and_host, hpack_bomb, invalid_fields, too_many_streams},
    stalls::{shut_windows, sparing_windows},
    unfinished::{half_headers, no_settings, slow_continuations},
};

/// The head of a POST to the route that reads a body.
fn body_request(context: &Context) -> Result<Vec<u8>, Failure> {
    let mut block = request(context, "POST", route(&context.profile.routes.body)?);
    if let Some(kind) = context.sample().kind() {
        block.extend(encode(&[("content-type", kind.as_bytes())]));
    }
    Ok(block)
}

/// The block of a request, with the valid key if one is known.
fn request(context: &Context, method: &str, path: &str) -> Vec<u8> {
    let key = context.profile.keys.valid.as_deref().unwrap_or("");
    let fields: [(&str, &[u8]); 5] = [
        (":method", method.as_bytes()),
        (":scheme", b"http"),
        (":authority", context.target.authority().as_bytes()),
        (":path", path.as_bytes()),
        (&context.profile.keys.header, key.as_bytes()),
    ];
    let count = if key.is_empty() { 4 } else { 5 };
    encode(&fields[..count])
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ANSWER: Duration = Duration::from_secs(2);
