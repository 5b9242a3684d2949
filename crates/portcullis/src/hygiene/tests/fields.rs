use http::request;
use portcullis_core::Guard;

use super::{Hygiene, head, of_fields, refusal, status};
use crate::hygiene::{Fields, seen::OVERRIDES};

/// The names of the fields that are left, but for the host.
fn left(guard: &Hygiene, mut head: request::Parts) -> Vec<String> {
    assert_eq!(refusal(guard, &mut head), None);
    let names = head.headers.keys().map(ToString::to_string);
    let mut names: Vec<_> = names.filter(|name| name != "host").collect();
    names.sort();
    names
}

const ALL: [(&str, &str); 5] = [
    ("host", "example.com"),
    ("x_api_key", "forged"),
    ("x-original-url", "/admin"),
    ("x-original", "mine"),
    ("accept", "*/*"),
];

#[test]
fn fields_with_underscores_and_overrides_are_removed() {
    let guard = Hygiene::new();

    assert_eq!(
        left(&guard, head("GET", "/", &ALL)),
        ["accept", "x-original"]
    );
    assert_eq!(guard.counts()[0].value, 1);
    for name in OVERRIDES {
        let fields = [("host", "a"), (name, "DELETE"), (name, "PUT")];
        assert_eq!(left(&guard, head("GET", "/", &fields)), [""; 0], "{name}");
    }
}

#[test]
fn an_underscore_anywhere_in_a_name_is_found() {
    let guard = Hygiene::new();
    for length in 1..40 {
        for at in 0..length {
            let mut name = "a".repeat(length);
            name.replace_range(at..=at, "_");
            let fields = [("host", "a"), (&*name, "1")];
            assert_eq!(left(&guard, head("GET", "/", &fields)), [""; 0], "{name}");
        }
        let name = "a".repeat(length);
        let fields = [("host", "a"), (&*name, "1")];
        assert_eq!(left(&guard, head("GET", "/", &fields)), [&*name]);
    }
}

#[test]
fn fields_may_be_refused_or_kept() {
    let refuses = Hygiene::new().underscores(Fields::Refused);
    assert_eq!(status(&refuses, head("GET", "/", &ALL)), 400);
    assert_eq!(status(&refuses, head("GET", "/", &ALL[2..])), 400);
    let without = [ALL[0], ALL[2]];
    assert_eq!(left(&refuses, head("GET", "/", &without)), [""; 0]);

    let refuses = Hygiene::new().overrides(Fields::Refused);
    assert_eq!(status(&refuses, head("GET", "/", &ALL)), 400);
    let keeps = Hygiene::new()
        .overrides(Fields::Kept)
        .underscores(Fields::Kept);
    let mut names = ALL[1..].iter().map(|(name, _)| *name).collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(left(&keeps, head("GET", "/", &ALL)), names);
    assert_eq!(keeps.counts()[0].value, 0);
}

#[test]
fn what_an_override_asks_for_changes_nothing() {
    assert_eq!(
        of_fields(&[("host", "a"), ("x-http-method-override", "TRACE")]),
        200
    );
}
