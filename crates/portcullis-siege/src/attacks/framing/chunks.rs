//! Chunks that are none: sizes, ends, extensions.
//!
//! RFC 9112, 7.1 is a grammar: a server SHOULD refuse what does not match it (2.2). Whoever reads it
//! nevertheless, and goes on behind it, disagrees with others about where the next request begins: a second
//! response is what shows that.

use super::{
    Lines,
    hidden::{exchange_all, hidden, is_served},
};
use crate::{
    Level,
    context::Context,
    sample::Sample,
    verdict::{Failure, Finding},
    wire::Exchange,
};

pub(crate) async fn chunk_sizes(context: &Context) -> Finding {
    let (size, data) = right(context.sample());
    let (first, rest) = size.split_at(1);
    let sizes = [
        format!("0x{size}"),
        format!("+{size}"),
        format!("-{size}"),
        format!("{first}_{rest}"),
        format!(" {size}"),
        format!("\t{size}"),
    ];
    let tries = sizes.map(|size| format!("{size}\r\n{data}\r\n0\r\n\r\n"));
    none_is_read(
        context,
        &tries,
        "a size that is no hexadecimal number is read",
    )
    .await
}

/// A size has no bound (RFC 9112, 7.1): who waits for so much is right, and who reads less is not.
pub(crate) async fn chunk_size_overflow(context: &Context) -> Finding {
    let (size, data) = right(context.sample());
    // The second is the right size if it wraps.
    let sizes = ["fffffffffffffffff".to_owned(), format!("1{size:0>16}")];
    let tries = sizes.map(|size| format!("{size}\r\n{data}\r\n0\r\n\r\n"));
    none_is_read(context, &tries, "a size beyond 64 bits is a small one").await
}

pub(crate) async fn chunk_line_ends(context: &Context) -> Finding {
    let (size, data) = right(context.sample());
    let returns = [
        format!("{size}\r\n{data}\r\n0\rX\r\n\r\n"),
        format!("{size}\rX{data}\r\n0\r\n\r\n"),
        format!("{size}\r{data}\r\n0\r\n\r\n"),
    ];
    none_is_read(context, &returns, "CR without LF ends a chunk's line").await?;
    let feeds = [
        format!("{size}\n{data}\n0\n\n"),
        format!("{size}\n{data}\r\n0\r\n\r\n"),
        format!("{size}\r\n{data}\r\n0\n\r\n"),
    ];
    let finding = none_is_read(context, &feeds, "a bare LF ends a chunk's line").await;
    finding
        .map_err(|failure| failure.at_most(Level::Should, "RFC 9112 2.2 lets a server take it"))?;
    Ok("6 wrong line ends not taken".to_owned())
}

pub(crate) async fn chunk_ends(context: &Context) -> Finding {
    let (size, data) = right(context.sample());
    let ends = ["XX", "", "\rX", "\r"];
    let tries = ends.map(|end| format!("{size}\r\n{data}{end}0\r\n\r\n"));
    none_is_read(context, &tries, "a chunk without its CRLF is read").await
}

pub(crate) async fn extension_ends(context: &Context) -> Finding {
    let (size, data) = right(context.sample());
    let tries = [
        format!("{size};a\n{data}\r\n0\r\n\r\n"),
        format!("{size}\r\n{data}\r\n0;a\n\r\n"),
        format!("{size};a\nb\r\n{data}\r\n0\r\n\r\n"),
    ];
    none_is_read(context, &tries, "a bare LF in an extension is read").await
}

/// The size of a right chunk, of two digits or more, and its data.
fn right(sample: &Sample) -> (String, String) {
    let data = match sample.kind() {
        None => DATA.to_owned(),
        Some(_) => String::from_utf8_lossy(&sample.of_length(DATA.len())).into_owned(),
    };
    (format!("{:x}", data.len()), data)
}

/// Sends each as a chunked body, with a request behind it.
async fn none_is_read(context: &Context, bodies: &[String], what: &str) -> Finding {
    let (lines, hidden) = (
        Lines::to_body(context)?.line("Transfer-Encoding: chunked"),
        hidden(context),
    );
    let (size, data) = right(context.sample());
    let right = format!("{size}\r\n{data}\r\n0\r\n\r\n");
    let bodies = std::iter::once(&right).chain(bodies);
    let tries = bodies.map(|body| lines.clone().then(&format!("{body}{hidden}")));
    let seen = exchange_all(context, tries.collect::<Vec<_>>()).await?;
    let reads = |seen: &Exchange| read(seen, &data, is_served(context, seen));
    let Some((right, wrong)) = seen.split_first() else {
        return Err(Failure::unclear("nothing was sent"));
    };
    if reads(right).is_none() {
        return Err(not_read(right));
    }
    let mut found: Vec<_> = wrong
        .iter()
        .filter_map(|seen| Some((reads(seen)?, seen)))
        .collect();
    found.sort_by_key(|(level, _)| *level);
    match found.first() {
        Some((Level::Must, seen)) => Err(seen.breach(what)),
        Some((level, seen)) => Err(seen
            .breach(what)
            .at_most(*level, "no second response shows harm")),
        None => Ok(format!("{} refused", wrong.len())),
    }
}

/// How bad it is that the body was read as if it were right: the connection goes on behind it, or only
/// what it holds comes back. `None` if neither is seen.
fn read(seen: &Exchange, data: &str, is_served: bool) -> Option<Level> {
    let answers = seen.answers();
    let first = answers.first()?;
    let is_echoed = first.is_good() && first.whole && first.mentions(data);
    if is_served {
        Some(Level::Must)
    } else {
        is_echoed.then_some(Level::Should)
    }
}

/// Why right chunks prove nothing of wrong ones.
fn not_read(seen: &Exchange) -> Failure {
    match seen.status() {
        Some(status) if !(200..300).contains(&status) => {
            Failure::not_tested(format!("right chunks are answered with {status}"))
        }
        _ => Failure::unclear("right chunks are not read either"),
    }
}

/// 16 bytes.
const DATA: &str = "siege-chunk-data";

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(statuses: &[&str], body: &str) -> Exchange {
        let length = body.len();
        let each = statuses
            .iter()
            .map(|status| format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}"));
        Exchange::of(&each.collect::<String>(), true)
    }

    #[test]
    fn only_a_second_response_is_harm() {
        assert_eq!(
            read(&seen(&["200"], DATA), DATA, false),
            Some(Level::Should)
        );
        assert_eq!(
            read(&seen(&["200", "200"], DATA), DATA, true),
            Some(Level::Must)
        );
        assert_eq!(read(&seen(&["200"], "ok"), DATA, false), None);
    }

    #[test]
    fn a_refusal_before_the_body_is_no_reading() {
        for status in ["400", "408", "415", "422"] {
            assert_eq!(read(&seen(&[status], DATA), DATA, false), None);
            let why = not_read(&seen(&[status], ""));
            assert!(matches!(why, Failure::NotTested(why) if why.ends_with(status)));
        }
        assert!(matches!(not_read(&seen(&["200"], "")), Failure::Unclear(_)));
    }

    #[test]
    fn chunks_of_a_sample_have_two_digits_and_its_value() {
        let (size, data) = right(&Sample::default());
        assert_eq!((size.as_str(), data.as_str()), ("10", DATA));
    }
}
