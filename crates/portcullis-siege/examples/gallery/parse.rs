//! HTTP/1 heads, strictly (RFC 9112), but for the fault.

use std::net::IpAddr;

use crate::{faults::Fault, message::Head};

/// How a body is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// A head and its framing.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) head: Head,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    /// Whether the request line had no version.
    pub(crate) is_09: bool,
    /// Where an absolute target points, for the fault that goes there.
    pub(crate) fetch: Option<String>,
}

/// Whether so many bytes without an end are too many: the status to answer with.
pub(crate) fn too_large(bytes: &[u8], fault: Fault) -> Option<u16> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n");
    let target = line.unwrap_or(bytes.len());
    let fields = bytes.len() - target;
    let limit = |fault_lifts: bool, limit: usize| if fault_lifts { 4 << 20 } else { limit };
    let lifts = matches!(
        fault,
        Fault::HeadUnbounded | Fault::FieldsUnbounded | Fault::LongKeyFails | Fault::TokenSlow
    );
    if target > limit(fault == Fault::TargetUnbounded, TARGET) {
        Some(414)
    } else if fields > limit(lifts, FIELDS) {
        Some(431)
    } else {
        None
    }
}

/// Whether a line ends with LF alone: with that a head may never find its end.
pub(crate) fn has_bare_lf(bytes: &[u8], fault: Fault) -> bool {
    let mut pairs = bytes.windows(2);
    fault != Fault::HeadBareLf && pairs.any(|pair| pair[0] != b'\r' && pair[1] == b'\n')
}

/// Reads a head without its empty line, or returns the status that refuses it.
pub(crate) fn parse(bytes: &[u8], peer: IpAddr, fault: Fault) -> Result<Parsed, u16> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let has_control = bytes
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127));
    let text = ends_of(text, fault);
    let lines: Vec<&str> = text.split("\r\n").collect();
    let bare = lines.iter().any(|line| line.contains(['\r', '\n']));
    if (has_control || bare) && fault != Fault::ControlBytes {
        return Err(400);
    }
    let (first, rest) = lines.split_first().ok_or(400_u16)?;
    let (method, target, version) = request_line(first, fault)?;
    let is_11 = is_11(version, fault)?;
    let fields = fields(rest, bytes, fault)?;
    if fields.len() > 100 && fault != Fault::FieldsUnbounded {
        return Err(431);
    }
    let host = host(&fields, target, is_11, fault)?;
    let framing = framing(&fields, is_11, fault)?;
    let (path, authority) = split(method, target);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let connection = value(&fields, "connection");
    let stays = fault == Fault::TeOnHttp10 && connection.eq_ignore_ascii_case("keep-alive");
    let keep_alive = is_11 && !connection.eq_ignore_ascii_case("close") || stays;
    Ok(Parsed {
        fetch: authority
            .filter(|_| fault == Fault::AbsoluteFetched)
            .map(str::to_owned),
        head: Head {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: authority.map(str::to_owned).or(host),
            fields,
            peer,
            http2: false,
            connection: 0,
        },
        framing,
        keep_alive,
        is_09: version == "HTTP/0.9",
    })
}

fn request_line(line: &str, fault: Fault) -> Result<(&str, &str, &str), u16> {
    let mut parts = line.splitn(3, ' ');
    let takes_two = matches!(fault, Fault::VersionMissing | Fault::VersionOnePage);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(target), None) if takes_two => Ok((method, target, "HTTP/0.9")),
        (Some(method), Some(target), Some(version)) if is_token(method) => {
            Ok((method, target, version))
        }
        _ => Err(400),
    }
}

fn is_11(version: &str, fault: Fault) -> Result<bool, u16> {
    match version {
        "HTTP/1.1" => Ok(true),
        "HTTP/1.0" => Ok(false),
        "HTTP/0.9" if matches!(fault, Fault::VersionMissing | Fault::VersionOnePage) => Ok(false),
        "http/1.1" if fault == Fault::VersionCase => Ok(true),
        _ if fault == Fault::VersionPrefix && version.starts_with("HTTP/1") => Ok(true),
        _ => Err(400),
    }
}

/// The lines, each ended with CRLF where the fault takes LF too.
fn ends_of(text: String, fault: Fault) -> String {
    if fault == Fault::HeadBareLf {
        text.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        text
    }
}

/// The path of a target, and its authority if it has one.
fn split<'t>(method: &str, target: &'t str) -> (&'t str, Option<&'t str>) {
    if method == "CONNECT" {
        return ("/", None);
    }
    let Some(rest) = target.strip_prefix("http://") else {
        return (target, None);
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let path = if end == rest.len() { "/" } else { &rest[end..] };
    (path, Some(&rest[..end]))
}

fn fields(lines: &[&str], bytes: &[u8], fault: Fault) -> Result<Vec<(String, Vec<u8>)>, u16> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let is_folded = line.starts_with([' ', '\t']);
        if is_folded && (fault != Fault::Folded || fields.is_empty()) {
            return Err(400);
        }
        let line = line.trim_start_matches([' ', '\t']);
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        let name = match fault {
            Fault::SpaceBeforeColon => name.trim_end(),
            _ => name,
        };
        if !is_token(name) && fault != Fault::ControlBytes {
            return Err(400);
        }
        fields.push((
            name.to_ascii_lowercase(),
            value.trim_matches([' ', '\t']).as_bytes().to_vec(),
        ));
    }
    debug_assert!(!bytes.is_empty(), "a head has a request line");
    Ok(fields)
}

fn host(
    fields: &[(String, Vec<u8>)],
    target: &str,
    is_11: bool,
    fault: Fault,
) -> Result<Option<String>, u16> {
    let hosts: Vec<_> = fields.iter().filter(|(name, _)| name == "host").collect();
    let text = hosts
        .first()
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    let is_absolute = target.starts_with("http://");
    let refused = match (&hosts[..], &text) {
        ([], _) => is_11 && fault != Fault::HostMissing,
        ([_, _, ..], _) => fault != Fault::HostTwice,
        (_, Some(text)) => {
            !(is_host(text) || text.is_empty() && is_absolute) && fault != Fault::HostInvalid
        }
        _ => false,
    };
    if refused { Err(400) } else { Ok(text) }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.rsplit_once(':').unwrap_or((text, "80"));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(is_name) && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn framing(fields: &[(String, Vec<u8>)], is_11: bool, fault: Fault) -> Result<Framing, u16> {
    let all = |name: &str| -> Vec<String> {
        let named = fields.iter().filter(|(known, _)| known == name);
        named
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    };
    let (codings, lengths) = (all("transfer-encoding"), all("content-length"));
    if codings.is_empty() {
        return length(&lengths, fault);
    }
    if !is_11 && fault != Fault::TeOnHttp10 {
        return Err(400);
    }
    if !lengths.is_empty() {
        return match fault {
            Fault::ClTeKeptOpen => Ok(Framing::Chunked),
            Fault::TeClKeptOpen => length(&lengths, fault),
            _ => Err(400),
        };
    }
    let coding = match &codings[..] {
        [one] if fault == Fault::CodingParameters => one.split(';').next().unwrap_or(one),
        [one] => one,
        _ => "",
    };
    let is_none = fault == Fault::CodingParametersNone && coding.contains(';');
    if coding.eq_ignore_ascii_case("chunked") {
        Ok(Framing::Chunked)
    } else if fault == Fault::TeIgnored || is_none {
        Ok(Framing::Length(0))
    } else {
        Err(501)
    }
}

fn length(lengths: &[String], fault: Fault) -> Result<Framing, u16> {
    let Some(first) = lengths.first() else {
        return Ok(Framing::Length(0));
    };
    if lengths.iter().any(|length| length != first) && fault != Fault::LengthFirstWins {
        return Err(400);
    }
    if fault == Fault::LengthLenient {
        let digits: String = first.chars().filter(char::is_ascii_digit).take(1).collect();
        return Ok(Framing::Length(digits.parse().unwrap_or(0)));
    }
    if fault == Fault::LengthWraps && first.bytes().all(|byte| byte.is_ascii_digit()) {
        let length = first.parse().unwrap_or(0) & u128::from(u64::MAX);
        return Ok(Framing::Length(length.try_into().unwrap_or(0)));
    }
    let first = match fault {
        Fault::LengthUnderscored => &first.replace('_', ""),
        Fault::LengthFirstWord => first.split(' ').next().unwrap_or(first),
        _ => first,
    };
    let is_number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let number = first.parse().ok().filter(|_| is_number);
    number.map(Framing::Length).ok_or(400)
}

fn value<'f>(fields: &'f [(String, Vec<u8>)], name: &str) -> &'f str {
    let found = fields.iter().find(|(known, _)| known == name);
    found
        .and_then(|(_, value)| std::str::from_utf8(value).ok())
        .unwrap_or("")
}

fn is_token(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_fine)
}

const TARGET: usize = 8 << 10;
const FIELDS: usize = 16 << 10;
