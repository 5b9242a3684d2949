//! Bodies: as they come, unpacked, in parts; and what is wrong with them.

use std::{io::Read, sync::atomic::Ordering::Relaxed, time::Duration};

use flate2::read::GzDecoder;
use tokio::time::{Instant, sleep};

use crate::{
    app::App,
    faults::Fault,
    message::{Head, Response},
    routes::LIMIT,
};

impl App {
    /// Answers with what came.
    pub(crate) fn echo(&self, head: &Head, body: Vec<u8>) -> Response {
        if self.has(Fault::UploadPlaces) && self.count.load(Relaxed) >= 32 {
            return Response::problem(503, "Service Unavailable").with("retry-after", "1");
        }
        if head.one("content-type") == "application/json" && depth(&body) > 1000 {
            match self.fault {
                Fault::NestingFails => return Response::problem(500, "Internal Server Error"),
                Fault::NestingEnds => std::process::abort(),
                _ => {}
            }
        }
        match self.unpack(head, body) {
            Ok(body) => self.labelled(head, body),
            Err(refusal) => refusal,
        }
    }

    fn unpack(&self, head: &Head, body: Vec<u8>) -> Result<Vec<u8>, Response> {
        let mut lines = head.all("content-encoding");
        lines.truncate(if self.has(Fault::CodingFirstLine) {
            1
        } else {
            9
        });
        match lines.join(", ").as_str() {
            "" | "identity" => Ok(body),
            "gzip" => self.gunzip(&body, self.unpacked_limit()),
            "gzip, gzip" if self.has(Fault::CodingsNested) => {
                let inner = self.gunzip(&body, LIMIT)?;
                self.gunzip(&inner, usize::MAX)
            }
            _ => Err(Response::problem(415, "Unsupported Media Type")),
        }
    }

    fn unpacked_limit(&self) -> usize {
        match self.fault {
            Fault::Unpacked => usize::MAX,
            Fault::UnpackedEightfold => LIMIT * 8,
            _ => LIMIT,
        }
    }

    fn gunzip(&self, body: &[u8], limit: usize) -> Result<Vec<u8>, Response> {
        let mut unpacked = Vec::new();
        let mut reader = GzDecoder::new(body).take((limit as u64).saturating_add(1));
        if reader.read_to_end(&mut unpacked).is_err() {
            return Err(Response::problem(400, "Bad Request"));
        }
        if unpacked.len() > limit && !self.has(Fault::UnpackedCut) {
            return Err(Response::problem(413, "Content Too Large"));
        }
        unpacked.truncate(limit);
        Ok(unpacked)
    }

    /// Ranges, for the faults: the right server has none.
    pub(crate) fn ranged(&self, head: &Head, mut response: Response) -> Response {
        let most = match (self.fault, head.path.as_str()) {
            (Fault::RangesWhole, "/api/large") => 4,
            (Fault::RangesParts, "/") => usize::MAX,
            _ => return response,
        };
        let ranges = head.one("range");
        let Some(ranges) = ranges.strip_prefix("bytes=") else {
            return response;
        };
        let ranges = ranges.split(',').take(most);
        response.body = ranges
            .flat_map(|range| part(range, &response.body))
            .collect();
        response.status = 206;
        response.drop("content-type");
        response.with("content-type", "multipart/byteranges; boundary=part")
    }

    /// An upload that ended before its end, for the faults that keep its place.
    pub(crate) fn upload_cut(&self) {
        match self.fault {
            Fault::UploadPermits => drop(self.slow.fetch_add(1, Relaxed)),
            Fault::UploadPlaces => drop(self.count.fetch_add(1, Relaxed)),
            _ => {}
        }
    }
}

/// A range as a part of an answer; nothing if it begins behind the end.
fn part(range: &str, whole: &[u8]) -> Vec<u8> {
    let (first, last) = range.split_once('-').unwrap_or((range, ""));
    let first: usize = first.parse().unwrap_or(0);
    let last = last.parse().unwrap_or(usize::MAX).min(whole.len() - 1);
    let Some(bytes) = whole.get(first..=last) else {
        return Vec::new();
    };
    let head = format!(
        "--part\r\ncontent-range: bytes {first}-{last}/{}\r\n\r\n",
        whole.len()
    );
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

fn depth(body: &[u8]) -> usize {
    body.iter()
        .take_while(|byte| b"[{\":a".contains(byte))
        .count()
}

/// When a body must be whole, where its trailers move that.
pub(crate) fn renewed(bytes: &[u8], fault: Fault) -> Option<Instant> {
    let seconds = match fault {
        Fault::TrailersAwaited => 3600,
        Fault::TrailerRenews if bytes.ends_with(b"\r\n") => 3,
        _ => return None,
    };
    let in_trailers = bytes.windows(5).any(|five| five == b"\r\n0\r\n");
    in_trailers.then(|| Instant::now() + Duration::from_secs(seconds))
}

/// What chunks cost beside their content.
pub(crate) async fn weigh(framing: usize, fault: Fault) {
    if fault == Fault::ChunksWeigh {
        sleep(Duration::from_micros(framing as u64 * 20)).await;
    }
}
