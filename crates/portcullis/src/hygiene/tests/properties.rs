//! Against models that are written in another way.

use proptest::prelude::*;

use super::{Hygiene, head, head2, status};
use crate::hygiene::{host::HostPort, path, scan};

/// By splitting and collecting, where the parser walks.
fn is_host_and_port(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else {
            return false;
        };
        return address.parse::<std::net::Ipv6Addr>().is_ok() && is_port(port);
    }
    let end = text.find(':').unwrap_or(text.len());
    let (name, port) = text.split_at(end);
    let labels: Vec<&str> = name.strip_suffix('.').unwrap_or(name).split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_~".contains(c))
    };
    labels.iter().all(is_label) && is_port(port)
}

fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some("") => true,
        Some(port) => {
            port.chars().all(|c| c.is_ascii_digit())
                && port.trim_start_matches('0').len() <= 5
                && port
                    .bytes()
                    .fold(0, |n: u64, d| (n * 10 + u64::from(d - b'0')).min(99_999))
                    < 65_536
        }
    }
}

/// Undoes all escapes, and looks at what comes out.
fn is_ambiguous(path: &str) -> bool {
    let mut decoded = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        decoded += before;
        let Some(code) = after
            .get(..2)
            .filter(|code| code.chars().all(|c| c.is_ascii_hexdigit()))
        else {
            return true;
        };
        match u8::from_str_radix(code, 16).unwrap() {
            b'/' | b'\\' => return true,
            byte => decoded.push(char::from(byte)),
        }
        rest = &after[2..];
    }
    decoded += rest;
    let segments: Vec<&str> = decoded[1..].split('/').collect();
    let (last, others) = segments.split_last().unwrap();
    let is_dots = |segment: &&str| matches!(segment.split(';').next(), Some("." | ".."));
    decoded.contains('\\') || others.contains(&"") || is_dots(last) || others.iter().any(is_dots)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_host_is_parsed_as_its_grammar_says(text in "(\\[[:0-9a-f.%]{0,12}\\]?|[a-zA-Z0-9._~ ,@/%-]{0,9})(:[0-9a]{0,6}){0,2}") {
        let parsed = HostPort::parse(text.as_bytes());
        prop_assert_eq!(parsed.is_some(), is_host_and_port(&text), "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let parsed = HostPort::parse(&bytes);
        if parsed.is_some() {
            prop_assert!(is_host_and_port(str::from_utf8(&bytes).unwrap()));
        }
    }

    #[test]
    fn names_and_ports_come_out_as_they_went_in(name in "[a-z0-9-]{1,9}(\\.[a-z0-9]{1,5}){0,3}", port in any::<u16>()) {
        let text = format!("{name}:{port}");
        let parsed = HostPort::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(parsed.port, Some(port));
        let upper = name.to_uppercase();
        let upper = HostPort::parse(upper.as_bytes()).unwrap();
        prop_assert_eq!(parsed.host, upper.host);
    }

    #[test]
    fn what_agrees_on_one_protocol_agrees_on_the_other(target in "[abAB]\\.?(:80|:443|:)?", host in "[abAB]\\.?(:80|:443|:)?") {
        let target = format!("http://{target}/");
        prop_assume!(target.parse::<http::Uri>().is_ok());
        let fields = [("host", &*host)];
        let one = status(&Hygiene::new(), head("GET", &target, &fields));
        prop_assert_eq!(one, status(&Hygiene::new(), head2(&target, &fields)));

        let plain = |text: &str| text.trim_end_matches(":80").trim_end_matches(':').to_lowercase();
        let is_same = plain(&target[7..target.len() - 1]) == plain(&host);
        prop_assert_eq!(one == 200, is_same, "{} {}", target, host);
    }

    #[test]
    fn a_byte_is_found_where_it_is(text in prop::collection::vec(prop::sample::select(vec![b'_', b'^', b'`', 0xdf, 0, b'a']), 0..40), byte in prop::sample::select(vec![b'_', b'%', b'a'])) {
        prop_assert_eq!(scan::contains(&text, byte), text.contains(&byte));
    }

    #[test]
    fn a_path_is_ambiguous_where_it_decodes_to_one(path in "/(/|\\.|\\.\\.|%2e|%2E|%2f|%5c|\\\\|;|a|%61|%|%4|%g0|%c3){0,8}") {
        prop_assert_eq!(path::ambiguity(&path).is_some(), is_ambiguous(&path), "{}", path);
    }

    #[test]
    fn control_characters_are_found(before in "(a|%|%2|/|%41){0,4}", byte in any::<u8>(), after in "(a|/|0){0,3}") {
        let path = format!("/{before}%{byte:02x}{after}");
        let is_control = byte < 0x20 || byte == 0x7f;
        prop_assert_eq!(path::control(&path).is_some(), is_control, "{}", path);
    }
}
