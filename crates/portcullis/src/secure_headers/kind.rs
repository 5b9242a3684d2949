use http::{
    HeaderMap,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};

/// What a response is, by its own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page: HTML, or XHTML.
    Document,
    /// What programs read, or nothing at all.
    Data,
    /// A script.
    Script,
    /// A download, and everything else.
    File,
}

// ===== impl Kind =====

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Document, Self::Data, Self::Script, Self::File];

    /// Returns what a response is. A download is a file, whatever its type (RFC 6266, section 4.2).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if is_attachment(headers) {
            return Self::File;
        }
        match essence(headers) {
            None => Self::Data,
            Some(essence) if is_any(essence, &DOCUMENTS) => Self::Document,
            Some(essence) if is_any(essence, &DATA) || has_suffix(essence, "+json") => Self::Data,
            Some(essence) if is_any(essence, &SCRIPTS) => Self::Script,
            Some(_) => Self::File,
        }
    }

    /// Returns `true` if a browser shows a response as a page.
    pub(super) fn is_document(headers: &HeaderMap) -> bool {
        essence(headers).is_some_and(|essence| is_any(essence, &DOCUMENTS))
    }
}

fn is_attachment(headers: &HeaderMap) -> bool {
    let disposition = headers.get(CONTENT_DISPOSITION);
    disposition.is_some_and(|value| {
        let word = value.as_bytes().split(|byte| *byte == b';').next();
        word.is_some_and(|word| !word.trim_ascii().eq_ignore_ascii_case(b"inline"))
    })
}

/// Returns the type without its parameters (MIME Sniffing, section 4.1).
fn essence(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let essence = value.split(|byte| *byte == b';').next()?;
    Some(essence.trim_ascii())
}

fn is_any(essence: &[u8], types: &[&str]) -> bool {
    let mut types = types.iter();
    types.any(|known| essence.eq_ignore_ascii_case(known.as_bytes()))
}

fn has_suffix(essence: &[u8], suffix: &str) -> bool {
    let start = essence.len().saturating_sub(suffix.len());
    essence[start..].eq_ignore_ascii_case(suffix.as_bytes())
}

const DOCUMENTS: [&str; 2] = ["text/html", "application/xhtml+xml"];
const DATA: [&str; 4] = [
    "application/json",
    "text/plain",
    "text/event-stream",
    "application/x-ndjson",
];
/// What browsers take for scripts (MIME Sniffing, section 4.6), and WebAssembly.
const SCRIPTS: [&str; 17] = [
    "text/javascript",
    "application/javascript",
    "application/wasm",
    "application/ecmascript",
    "application/x-ecmascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];
