//! What a server builds fields from: the path and the query.

use super::{Lines, hidden::exchange_all};
use crate::{
    context::Context,
    verdict::Finding,
    wire::{Answer, contains, head_of},
};

pub(crate) async fn split_fields(context: &Context) -> Finding {
    let control = without_query(context.control());
    let paths = |line_break: &str| {
        let field = format!("{line_break}X-Siege-Split:%20a");
        [
            format!("/siege{field}"),
            format!("/siege{field}/"),
            format!("//siege{field}/.."),
            format!("{control}{field}"),
            with_query("/", &format!("/{field}")),
            with_query(control, &format!("/{field}")),
        ]
    };
    // The last one is what a cut to one byte each makes a line break.
    let breaks = ["%0d%0a", "%0a", "%0d", "%E5%98%8D%E5%98%8A"];
    let seen = exchange_all(context, gets(context, breaks.into_iter().flat_map(paths))).await?;
    for seen in &seen {
        let head = head_of(&seen.received).to_ascii_lowercase();
        if contains(&head, b"\nx-siege-split:") || contains(&head, b"\rx-siege-split:") {
            return Err(seen.breach("a line break in the request begins a field of the answer"));
        }
    }
    Ok(format!("{} without a field more", seen.len()))
}

fn gets(context: &Context, paths: impl IntoIterator<Item = String>) -> Vec<String> {
    let paths = paths.into_iter();
    let gets = paths.map(|path| Lines::with(context, "GET", &path).then(""));
    gets.collect()
}

pub(crate) async fn open_redirects(context: &Context) -> Finding {
    let control = without_query(context.control());
    let mut paths: Vec<String> = PATHS.map(|path| path.replace('H', ELSEWHERE)).into();
    for value in ["https://H/", "//H/", "/\\H/", "https:H/", "%2f%2fH"] {
        let value = value.replace('H', ELSEWHERE);
        paths.extend(["/", control].map(|path| with_query(path, &value)));
    }
    let seen = exchange_all(context, gets(context, paths)).await?;
    for seen in &seen {
        if seen.answers().first().is_some_and(leads_elsewhere) {
            return Err(seen.breach("Location leads to a host that the request chose"));
        }
    }
    Ok(format!("{} lead nowhere else", seen.len()))
}

/// Whether a browser would go to the other host.
fn leads_elsewhere(answer: &Answer) -> bool {
    (300..400).contains(&answer.status) && is_elsewhere(answer.header("location"))
}

/// As browsers read it (WHATWG URL): tabs and line ends are not there, `\` is `/`, and any number of
/// slashes begins a host.
fn is_elsewhere(location: &str) -> bool {
    let plain: String = location
        .trim()
        .chars()
        .filter(|character| !matches!(character, '\t' | '\r' | '\n'))
        .map(|character| if character == '\\' { '/' } else { character })
        .collect();
    let plain = plain.to_ascii_lowercase();
    let schemes = ["https:", "http:"];
    let (has_scheme, rest) = schemes
        .iter()
        .find_map(|scheme| plain.strip_prefix(scheme))
        .map_or((false, plain.as_str()), |rest| (true, rest));
    let host = rest.trim_start_matches('/');
    (has_scheme || rest.starts_with("//")) && host.starts_with(ELSEWHERE)
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// The value in every parameter that redirects are made from.
fn with_query(path: &str, value: &str) -> String {
    let names = ["next", "url", "redirect", "return_to", "continue", "lang"];
    let pairs: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
    format!("{path}?{}", pairs.join("&"))
}

const ELSEWHERE: &str = "siege-elsewhere.example";
/// Paths that begin with a host, for who joins them carelessly.
const PATHS: [&str; 12] = [
    "//H",
    "//H/",
    "//H/..",
    "//H/%2e%2e",
    "///H/..",
    "/\\H",
    "/\\H/",
    "/%5cH",
    "/%5cH/",
    "/%2fH",
    "/%2f/H/",
    "/%2fH/%2e%2e",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_as_browsers_do() {
        for location in [
            "//siege-elsewhere.example/",
            "/\\siege-elsewhere.example",
            "///siege-elsewhere.example",
            "/\t/siege-elsewhere.example",
            "https://siege-elsewhere.example",
            "https:siege-elsewhere.example",
            "HTTP:\\\\SIEGE-ELSEWHERE.example",
        ] {
            assert!(is_elsewhere(location), "{location}");
        }
        for location in [
            "/siege-elsewhere.example/",
            "http://127.0.0.1//siege-elsewhere.example/",
            "siege-elsewhere.example",
            "/?next=https://siege-elsewhere.example/",
            "",
        ] {
            assert!(!is_elsewhere(location), "{location}");
        }
    }
}
