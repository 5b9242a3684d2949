use http::{HeaderValue, header::CONNECTION};
use portcullis_core::{Rejection, RejectionKind};

/// What makes a request malformed. The client is told which, and nothing that it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NoHost,
    ManyHosts,
    InvalidHost,
    HostsDiffer,
    LengthAndEncoding,
    Encoding,
    Length,
    FieldName,
    ControlInPath,
    DotSegment,
    EmptySegment,
    EscapedSlash,
    BrokenEscape,
}

// ===== impl Flaw =====

impl Flaw {
    const fn detail(self) -> &'static str {
        match self {
            Self::NoHost => "the Host field is missing",
            Self::ManyHosts => "there is more than one Host field",
            Self::InvalidHost => "the host is not a name or an address, with a port or without",
            Self::HostsDiffer => "the target and the Host field name different hosts",
            Self::LengthAndEncoding => "Content-Length and Transfer-Encoding exclude each other",
            Self::Encoding => "Transfer-Encoding must be chunked, once",
            Self::Length => "Content-Length must be one number",
            Self::FieldName => "the name of a field is not allowed",
            Self::ControlInPath => "the path has a control character",
            Self::DotSegment => "the path has a dot segment",
            Self::EmptySegment => "the path has an empty segment",
            Self::EscapedSlash => "the path has a backslash, or an encoded slash",
            Self::BrokenEscape => "the path has a percent sign without two hexadecimal digits",
        }
    }

    /// Returns `true` if it is not known where the next request on the connection begins.
    const fn is_of_framing(self) -> bool {
        matches!(
            self,
            Self::LengthAndEncoding | Self::Encoding | Self::Length
        )
    }
}

impl From<Flaw> for Rejection {
    #[cold]
    fn from(flaw: Flaw) -> Self {
        let rejection = Self::new(RejectionKind::Malformed)
            .with_layer("hygiene")
            .with_detail(flaw.detail());
        if flaw.is_of_framing() {
            rejection.with_header(CONNECTION, HeaderValue::from_static("close"))
        } else {
            rejection
        }
    }
}
