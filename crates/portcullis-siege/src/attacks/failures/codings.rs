//! Packed bodies that are just too large, and bodies that are packed twice.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

use super::{
    bodies::to_body,
    packed::{REFUSALS, gzip, refused, unpacks},
};
use crate::{
    Level,
    context::Context,
    sample::Sample,
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn fitting_bomb(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes().value as usize;
    if limit > LARGE {
        return Err(Failure::not_tested(
            "the limit of a body is more than 16 MiB",
        ));
    }
    let others = other_codings(context, limit).await?;
    if !unpacks(context).await? {
        return Ok(format!("bodies of gzip are not unpacked, {others}"));
    }
    let packed = |length: usize| -> Result<Request, Failure> {
        let packed = gzip(&sparse(context.sample(), length), 1)?;
        Ok(to_body(context)?
            .header("content-encoding", "gzip")
            .body(packed))
    };
    let what = "a body that fits, and unpacks to four times the limit";
    refused(context, &packed(limit * 4)?, REFUSALS, what).await?;
    // Whether the limit counts bytes before or after unpacking, nobody said.
    for (length, is_fine) in [(limit + 1, false), (limit - limit / 16, true)] {
        let request = packed(length)?;
        let answer = context.send(&request).await?;
        if answer.is_good() != is_fine {
            let status = answer.status;
            let what = format!("{status} for {length} bytes unpacked; the limit is {limit}");
            let evidence = request.evidence(context, &answer, what);
            return Err(evidence.at_most(Level::Opinion).into());
        }
    }
    Ok(format!(
        "served under {limit} bytes unpacked, refused over it; {others}"
    ))
}

/// Where a server knows another coding, it is bounded too.
async fn other_codings(context: &Context, limit: usize) -> Result<String, Failure> {
    let mut known = Vec::new();
    for (coding, small, large) in [
        (
            "deflate",
            zlib(TEXT)?,
            zlib(&sparse(context.sample(), limit * 4))?,
        ),
        ("br", BROTLI.to_vec(), BROTLI_LARGE.to_vec()),
    ] {
        let coded = |body| -> Result<Request, Failure> {
            Ok(to_body(context)?
                .header("content-encoding", coding)
                .body(body))
        };
        let answer = context.send(&coded(small)?).await?;
        if answer.is_good() && answer.body == TEXT {
            let what = format!("a body of {coding} that unpacks to four times the limit");
            refused(context, &coded(large)?, REFUSALS, &what).await?;
            known.push(coding);
        }
    }
    Ok(match known[..] {
        [] => "nor are others".to_owned(),
        _ => format!("{} too", known.join(" and ")),
    })
}

fn zlib(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

pub(crate) async fn doubled_codings(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes().value as usize;
    if limit > LARGE {
        return Err(Failure::not_tested(
            "the limit of a body is more than 16 MiB",
        ));
    }
    if !unpacks(context).await? {
        return Ok("bodies are not unpacked".to_owned());
    }
    let sample = context.sample();
    let (text, is_typed) = match sample.kind() {
        Some(_) => (sample.text().as_bytes(), true),
        None => (TEXT, false),
    };
    for lines in [&["gzip, gzip"][..], &["gzip", "gzip"]] {
        let coded = |content: &[u8]| -> Result<Request, Failure> {
            let request = to_body(context)?.body(gzip(&gzip(content, 1)?, 1)?);
            let lines = lines.iter();
            Ok(lines.fold(request, |request, line| {
                request.header("content-encoding", line)
            }))
        };
        let small = coded(text)?;
        let answer = context.send(&small).await?;
        if answer.is_good() && (is_typed || answer.body == text) {
            let what = "a body that is packed twice, and unpacks to four times the limit";
            refused(
                context,
                &coded(&sample.of_length(limit * 4))?,
                REFUSALS,
                what,
            )
            .await?;
        } else if answer.is_good() && answer.body == gzip(text, 1)? || answer.status >= 500 {
            let what = format!(
                "{} for a body that is packed twice: one coding of two is undone",
                answer.status
            );
            let evidence = small.evidence(context, &answer, what);
            return Err(evidence.at_most(Level::Should).into());
        }
    }
    Ok("refused, or unpacked within the limit".to_owned())
}

/// Bytes that gzip packs to about a tenth, as it does with text: a server may refuse what packs better.
fn sparse(sample: &Sample, length: usize) -> Vec<u8> {
    let mut body = sample.of_length(length);
    let (before, pad, behind) = sample.parts();
    let end = body.len() - behind.len();
    let mut seed = 1_u64;
    for line in body[before.len()..end].chunks_mut(64) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for (place, byte) in line.iter_mut().take(24).enumerate() {
            let is_set = seed >> (32 + place) & 1 == 1;
            *byte = if is_set { other(pad) } else { pad };
        }
    }
    body
}

/// Another byte that may stand where a pad may.
const fn other(pad: u8) -> u8 {
    if pad == b' ' { b'\n' } else { b'b' }
}

/// `TEXT`, packed with Brotli.
const BROTLI: &[u8] = b"\x8b\x06\x80siege-unpacked\x03";
/// 64 MiB of one letter, packed with Brotli.
const BROTLI_LARGE: &[u8] = &[
    0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x25, 0xc2, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x8f, 0xff, 0xff,
    0x7f, 0xf0, 0x4b, 0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f, 0xff, 0xff, 0xff, 0xe0, 0x97,
    0x00, 0x88, 0xc3, 0x02, 0x00, 0xdd, 0xfb, 0x3f, 0xfe, 0xff, 0xff, 0xc1, 0x2f, 0x01, 0x10, 0x87,
    0x05, 0x00, 0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff, 0x83, 0x5f, 0x02, 0x20, 0x0e, 0x0b, 0x00, 0x74,
    0xef, 0xff, 0xf8, 0xff, 0xff, 0x07, 0xbf, 0x04, 0x40, 0x1c, 0x16, 0x00, 0xe8, 0xde, 0xff, 0xf1,
    0xff, 0xff, 0x0f, 0x7e, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0, 0xbd, 0xff, 0xcb, 0xff, 0xff, 0x3f,
    0xfc, 0x12, 0x00, 0x71, 0x58, 0x00, 0xa0, 0x7b, 0xff, 0x07,
];
const TEXT: &[u8] = b"siege-unpacked";
/// Four times this is made here.
const LARGE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_a_limit_fits_into_it() {
        let all = sparse(&Sample::default(), 1 << 20);
        let packed = gzip(&all, 1).unwrap();
        assert_eq!(all.len(), 1 << 20);
        assert!(
            (all.len() / 40..all.len() / 5).contains(&packed.len()),
            "{}",
            packed.len()
        );
    }
}
