//! Cases of `tracestate`.

use super::{Sent, TRACE, right, sent};

/// Sends these lines beside a right `traceparent`, which goes on whatever they are.
async fn with_state(lines: &[&str]) -> Vec<Sent> {
    let parent = right();
    let mut all = vec![("traceparent", &*parent)];
    all.extend(lines.iter().map(|line| ("tracestate", *line)));
    let all = sent(&all).await;
    assert_eq!(all.len(), 7);
    assert!(all.iter().all(|sent| sent.trace == TRACE));
    all
}

async fn becomes(lines: &[&str], expected: &str) {
    for sent in with_state(lines).await {
        assert_eq!(sent.state.as_deref(), Some(expected), "{lines:?}");
    }
}

async fn is_dropped(lines: &[&str]) {
    for sent in with_state(lines).await {
        assert_eq!(sent.state, None, "{lines:?}");
    }
}

// test_tracestate_included_traceparent_missing
#[tokio::test]
async fn without_a_parent_it_is_dropped() {
    for state in ["foo=1", "foo=1,bar=2"] {
        for sent in sent(&[("tracestate", state)]).await {
            assert_eq!(sent.state, None);
        }
    }
}

// test_tracestate_included_traceparent_included
#[tokio::test]
async fn it_is_inherited() {
    becomes(&["foo=1,bar=2"], "foo=1,bar=2").await;
}

// test_tracestate_header_name
#[tokio::test]
async fn other_names_are_other_fields() {
    let parent = right();
    for name in ["trace-state", "trace.state"] {
        for sent in sent(&[("traceparent", &parent), (name, "foo=1")]).await {
            assert_eq!(sent.state, None);
        }
    }
}

// test_tracestate_header_name_valid_casing
#[tokio::test]
async fn the_names_case_does_not_matter() {
    let parent = right();
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        for sent in sent(&[("traceparent", &parent), (name, "foo=1")]).await {
            assert_eq!(sent.state.as_deref(), Some("foo=1"));
        }
    }
}

// test_tracestate_empty_header
#[tokio::test]
async fn empty_lines_are_allowed_and_not_sent() {
    is_dropped(&[""]).await;
    is_dropped(&[" \t", ",", " , ,\t,"]).await;
    becomes(&["foo=1", ""], "foo=1").await;
    becomes(&["", "foo=1"], "foo=1").await;
}

#[tokio::test]
async fn empty_members_are_allowed() {
    becomes(&["foo=1,,bar=2, ,\t,"], "foo=1,bar=2").await;
}

// test_tracestate_multiple_headers_different_keys
#[tokio::test]
async fn lines_are_one_list_in_their_order() {
    let lines = ["foo=1,bar=2", "rojo=1,congo=2", "baz=3"];
    becomes(&lines, "foo=1,bar=2,rojo=1,congo=2,baz=3").await;
}

// test_tracestate_duplicated_keys
#[tokio::test]
async fn of_a_repeated_key_the_first_counts() {
    becomes(&["foo=1,foo=1"], "foo=1").await;
    becomes(&["foo=1,foo=2"], "foo=1").await;
    becomes(&["foo=1", "foo=1"], "foo=1").await;
    becomes(&["foo=1", "foo=2"], "foo=1").await;
    becomes(&["foo=1,bar=2,foo=3,baz=4,bar=5"], "foo=1,bar=2,baz=4").await;
}

// test_tracestate_all_allowed_characters
#[tokio::test]
async fn every_allowed_character_passes() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    for key in [key.to_owned(), format!("{key}@a-z0-9_-*/")] {
        for sent in with_state(&[&format!("{key}={value}")]).await {
            assert_eq!(sent.member(&key), Some(&*value));
        }
    }
}

// test_tracestate_ows_handling
#[tokio::test]
async fn white_space_around_members_is_not_of_them() {
    becomes(&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3").await;
    becomes(&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3").await;
    for line in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        becomes(&[line], "foo=1").await;
    }
}

#[tokio::test]
async fn leading_spaces_are_of_a_value() {
    becomes(&["foo= 1,bar=  a b "], "foo= 1,bar=  a b").await;
}

// test_tracestate_key_illegal_characters
#[tokio::test]
async fn a_key_has_no_other_characters() {
    for key in ["foo ", "FOO", "foo.bar", "fo\to", "fóo", "foo:bar", ""] {
        is_dropped(&[&format!("{key}=1,bar=2")]).await;
    }
}

// test_tracestate_key_illegal_vendor_format: of level 1, where a key has one `@` at most.
#[tokio::test]
async fn a_key_begins_with_a_letter_or_a_digit() {
    for key in ["@foo", "_foo", "-foo", "*foo", "/foo"] {
        is_dropped(&[&format!("{key}=1,bar=2")]).await;
    }
    for key in ["foo@", "foo@@bar", "foo@bar@baz", "0", "9a/b"] {
        let line = format!("{key}=1,bar=2");
        becomes(&[&line], &line).await;
    }
}

// test_tracestate_member_count_limit
#[tokio::test]
async fn there_are_at_most_32_members() {
    let members: Vec<_> = (1..=33).map(|n| format!("bar{n:02}={n:02}")).collect();
    let lines: Vec<_> = members[..32]
        .chunks(10)
        .map(|part| part.join(","))
        .collect();
    let lines: Vec<_> = lines.iter().map(|line| &**line).collect();
    becomes(&lines, &members[..32].join(",")).await;

    is_dropped(&[&members.join(",")]).await;
    let repeated = vec!["foo=1"; 33].join(",");
    is_dropped(&[&repeated]).await;
}

// test_tracestate_key_length_limit
#[tokio::test]
async fn a_key_has_at_most_256_characters() {
    let keys = [
        "z".repeat(256),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("t@{}", "v".repeat(15)),
    ];
    for key in keys {
        becomes(&["foo=1", &format!("{key}=1")], &format!("foo=1,{key}=1")).await;
    }
    is_dropped(&["foo=1", &format!("{}=1", "z".repeat(257))]).await;
}

// test_tracestate_value_illegal_characters
#[tokio::test]
async fn a_value_has_no_other_characters() {
    for value in ["bar=baz", "bar\tbaz", "é", "b=", "=b"] {
        is_dropped(&[&format!("foo={value},bar=3")]).await;
    }
}

#[tokio::test]
async fn a_value_has_1_to_256_characters() {
    let line = format!("foo={}", "x".repeat(256));
    becomes(&[&line], &line).await;
    is_dropped(&[&format!("{line}x,bar=1")]).await;
    is_dropped(&["foo=,bar=1"]).await;
    is_dropped(&["foo= ,bar=1"]).await;
    is_dropped(&["foo,bar=1"]).await;
}

#[tokio::test]
async fn one_wrong_member_drops_the_list_and_not_the_parent() {
    is_dropped(&["foo=1", "bar", "baz=2"]).await;
}

#[tokio::test]
async fn at_least_512_characters_go_on() {
    let members: Vec<_> = (0..8)
        .map(|n| format!("key{n}={}", "v".repeat(59)))
        .collect();
    let line = members.join(",");
    assert_eq!(line.len(), 8 * 64 + 7);
    becomes(&[&line], &line).await;
}

#[tokio::test]
async fn a_long_list_loses_whole_members_the_large_first() {
    let large = |key: &str| format!("{key}={}", "x".repeat(200));
    let small: Vec<_> = (0..30)
        .map(|n| format!("k{n:02}={}", "x".repeat(20)))
        .collect();
    let small = small.join(",");
    let line = format!("{},{},{small}", large("a"), large("b"));
    assert!(line.len() > 1024 && line.len() < 1200);

    becomes(&[&line], &format!("{},{small}", large("a"))).await;
    let more: Vec<_> = (0..32)
        .map(|n| format!("k{n:02}={}", "x".repeat(100)))
        .collect();
    becomes(&[&more.join(",")], &more[..9].join(",")).await;
}
