//! Chunks that are none: sizes, ends, extensions.

use super::{
    Lines,
    hidden::{exchange_all, hidden, is_served},
};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::Exchange,
};

pub(crate) async fn chunk_sizes(context: &Context) -> Finding {
    let sizes = ["0x10", "+10", "-10", "1_0", " 10", "\t10"];
    let tries = sizes.map(|size| format!("{size}\r\n{DATA}\r\n0\r\n\r\n"));
    none_is_read(
        context,
        &tries,
        "a size that is no hexadecimal number is read",
    )
    .await
}

pub(crate) async fn chunk_size_overflow(context: &Context) -> Finding {
    // The second is the right size if it wraps.
    let sizes = ["fffffffffffffffff", "10000000000000010"];
    let tries = sizes.map(|size| format!("{size}\r\n{DATA}\r\n0\r\n\r\n"));
    none_is_read(context, &tries, "a size beyond 64 bits is a small one").await
}

pub(crate) async fn chunk_line_ends(context: &Context) -> Finding {
    let returns = [
        format!("10\r\n{DATA}\r\n0\rX\r\n\r\n"),
        format!("10\rX{DATA}\r\n0\r\n\r\n"),
        format!("10\r{DATA}\r\n0\r\n\r\n"),
    ];
    none_is_read(context, &returns, "CR without LF ends a chunk's line").await?;
    let feeds = [
        format!("10\n{DATA}\n0\n\n"),
        format!("10\n{DATA}\r\n0\r\n\r\n"),
        format!("10\r\n{DATA}\r\n0\n\r\n"),
    ];
    let finding = none_is_read(context, &feeds, "a bare LF ends a chunk's line").await;
    finding
        .map_err(|failure| failure.at_most(Level::Should, "RFC 9112 2.2 lets a server take it"))?;
    Ok("6 wrong line ends not taken".to_owned())
}

pub(crate) async fn chunk_ends(context: &Context) -> Finding {
    let ends = ["XX", "", "\rX", "\r"];
    let tries = ends.map(|end| format!("10\r\n{DATA}{end}0\r\n\r\n"));
    none_is_read(context, &tries, "a chunk without its CRLF is read").await
}

pub(crate) async fn extension_ends(context: &Context) -> Finding {
    let tries = [
        format!("10;a\n{DATA}\r\n0\r\n\r\n"),
        format!("10\r\n{DATA}\r\n0;a\n\r\n"),
        format!("10;a\nb\r\n{DATA}\r\n0\r\n\r\n"),
    ];
    none_is_read(context, &tries, "a bare LF in an extension is read").await
}

/// Sends each as a chunked body, with a request behind it.
async fn none_is_read(context: &Context, bodies: &[String], what: &str) -> Finding {
    let (lines, hidden) = (
        Lines::to_body(context)?.line("Transfer-Encoding: chunked"),
        hidden(context),
    );
    let right = format!("10\r\n{DATA}\r\n0\r\n\r\n");
    let bodies = std::iter::once(&right).chain(bodies);
    let tries = bodies.map(|body| lines.clone().then(&format!("{body}{hidden}")));
    let seen = exchange_all(context, tries.collect::<Vec<_>>()).await?;
    let (right, wrong) = seen.split_at(1);
    if !right.iter().all(|seen| is_read(context, seen)) {
        return Err(Failure::unclear("right chunks are not read either"));
    }
    match wrong.iter().find(|seen| is_read(context, seen)) {
        Some(seen) => Err(seen.breach(what)),
        None => Ok(format!("{} not read", wrong.len())),
    }
}

/// Whether the body was read as if it were right: served, and either what it holds comes back or the
/// connection goes on behind it.
fn is_read(context: &Context, seen: &Exchange) -> bool {
    let answers = seen.answers();
    let first = answers
        .first()
        .filter(|answer| answer.is_good() && answer.whole);
    first.is_some_and(|first| first.mentions(DATA)) || first.is_some() && is_served(context, seen)
}

/// 16 bytes.
const DATA: &str = "siege-chunk-data";
