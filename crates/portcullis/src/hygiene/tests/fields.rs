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

#[test]
fn targets_and_fields_have_a_largest_size() {
    let host = ("host", "a");
    let guard = Hygiene::new();
    let of_target = |length: usize| {
        let target = format!("/{}?{}", "a".repeat(length - 3), "b");
        status(&guard, head("GET", &target, &[host]))
    };
    assert_eq!((of_target(8192), of_target(8193)), (200, 414));

    let value = "v".repeat(32 * 1024 - "hosta".len() - "x".len());
    let of_value = |value: &str| status(&guard, head("GET", "/", &[host, ("x", value)]));
    assert_eq!(
        (of_value(&value), of_value(&(value.clone() + "v"))),
        (200, 431)
    );

    let names: Vec<_> = (0..100).map(|number| format!("x-{number}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (&**name, "")).collect();
    let of_count = |count: usize| {
        let all = [&[host][..], &fields[..count - 1]].concat();
        status(&guard, head("GET", "/", &all))
    };
    assert_eq!((of_count(100), of_count(101)), (200, 431));

    let crumbs = [&[host][..], &[("cookie", "a=b"); 300]].concat();
    assert_eq!(status(&guard, head("GET", "/", &crumbs)), 200);

    let smaller = Hygiene::new().max_uri(10).max_headers(20, 2);
    assert_eq!(status(&smaller, head("GET", "/0123456789", &[host])), 414);
    let three = [host, ("b", ""), ("c", "")];
    assert_eq!(status(&smaller, head("GET", "/", &three)), 431);
}
