//! Cases of `traceparent`.

use super::{SPAN, TRACE, sent, sent_untrusted};

/// Each of them is the trace that goes on, with a span ID of its own.
async fn goes_on(parents: &[String]) {
    for parent in parents {
        for sent in sent(&[("traceparent", parent)]).await {
            assert_eq!(sent.trace, TRACE, "{parent}");
        }
    }
}

/// Each of them is ignored, and a new trace starts.
async fn starts_anew(parents: &[String]) {
    for parent in parents {
        let all = sent(&[("traceparent", parent), ("tracestate", "foo=1")]).await;
        assert_eq!(all.len(), 6, "the propagator finds nothing: {parent}");
        for sent in all {
            assert!(!parent.contains(&sent.trace), "{parent}");
            assert_ne!(sent.trace, TRACE, "{parent}");
            assert_eq!(sent.state, None, "{parent}");
        }
    }
}

// test_both_traceparent_and_tracestate_missing
#[tokio::test]
async fn nothing_received_starts_a_trace() {
    for sent in sent(&[]).await {
        assert_ne!(sent.trace, TRACE);
        assert_eq!(sent.state, None);
    }
}

// test_traceparent_included_tracestate_missing
#[tokio::test]
async fn a_trace_goes_on_with_another_parent() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let all = sent(&[("traceparent", &parent)]).await;
    let (direct, through_an_edge) = all.split_last().unwrap();

    for sent in through_an_edge {
        assert_eq!((&*sent.trace, sent.flags & 1), (TRACE, 1));
        assert_ne!(sent.span, SPAN);
        assert_eq!(sent.state, None);
    }
    assert_eq!(direct.span, SPAN, "there is no span between");
}

// test_traceparent_duplicated
#[tokio::test]
async fn two_lines_are_none() {
    let other = TRACE.replace("012", "011");
    let (one, two) = (
        format!("00-{other}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-01"),
    );
    for lines in [[&one, &two], [&two, &two]] {
        let lines = lines.map(|line| ("traceparent", &**line));
        for sent in sent(&lines).await {
            assert!(sent.trace != other && sent.trace != TRACE);
        }
    }
}

#[tokio::test]
async fn two_lines_joined_by_a_proxy_are_none() {
    let one = format!("00-{TRACE}-{SPAN}-01");
    starts_anew(&[format!("{one},{one}"), format!("{one}, {one}")]).await;
}

// test_traceparent_header_name
#[tokio::test]
async fn other_names_are_other_fields() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    for name in ["trace-parent", "trace.parent"] {
        for sent in sent(&[(name, &parent)]).await {
            assert_ne!(sent.trace, TRACE);
        }
    }
}

// test_traceparent_header_name_valid_casing
#[tokio::test]
async fn the_names_case_does_not_matter() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        for sent in sent(&[(name, &parent)]).await {
            assert_eq!(sent.trace, TRACE);
        }
    }
}

// test_traceparent_version_0x00
#[tokio::test]
async fn version_00_has_nothing_after_the_flags() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let rests = [".", "-", "-what-the-future-will-be-like", "0", " -"];
    starts_anew(&rests.map(|rest| format!("{parent}{rest}"))).await;
}

// test_traceparent_version_0xcc
#[tokio::test]
async fn a_later_version_may_go_on_after_a_dash() {
    let parent = format!("cc-{TRACE}-{SPAN}-01");
    let rests = ["", "-", "-what-the-future-will-be-like"];
    goes_on(&rests.map(|rest| format!("{parent}{rest}"))).await;
    goes_on(&["01", "0a", "fe"].map(|version| format!("{version}-{TRACE}-{SPAN}-01-x"))).await;
    let rests = [".what-the-future-will-be-like", "0", "0-x"];
    starts_anew(&rests.map(|rest| format!("{parent}{rest}"))).await;
}

#[tokio::test]
async fn a_later_versions_state_is_read() {
    let parent = format!("cc-{TRACE}-{SPAN}-01-x");
    for sent in sent(&[("traceparent", &parent), ("tracestate", "foo=1")]).await {
        assert_eq!(sent.state.as_deref(), Some("foo=1"));
    }
}

// test_traceparent_version_0xff
#[tokio::test]
async fn version_ff_is_forbidden() {
    let rests = ["", "-x"];
    starts_anew(&rests.map(|rest| format!("ff-{TRACE}-{SPAN}-01{rest}"))).await;
}

// test_traceparent_version_illegal_characters
#[tokio::test]
async fn a_version_is_in_lower_case_hexadecimal_digits() {
    let versions = [".0", "0.", "0G", "CC", "0 ", "+0", "٠"];
    starts_anew(&versions.map(|version| format!("{version}-{TRACE}-{SPAN}-01"))).await;
}

// test_traceparent_version_too_long
#[tokio::test]
async fn a_version_is_not_longer() {
    starts_anew(&["000", "0000"].map(|version| format!("{version}-{TRACE}-{SPAN}-01"))).await;
}

// test_traceparent_version_too_short
#[tokio::test]
async fn a_version_is_not_shorter() {
    starts_anew(&["0", ""].map(|version| format!("{version}-{TRACE}-{SPAN}-01"))).await;
}

// test_traceparent_trace_id_all_zero
#[tokio::test]
async fn a_trace_is_not_zero() {
    starts_anew(&[format!("00-{}-{SPAN}-01", "0".repeat(32))]).await;
}

// test_traceparent_trace_id_illegal_characters
#[tokio::test]
async fn a_trace_is_in_lower_case_hexadecimal_digits() {
    let traces = [
        ".2345678901234567890123456789012",
        "1234567890123456789012345678901.",
        "1234567890123456789012345678901A",
        "1234567890123456 890123456789012",
    ];
    starts_anew(&traces.map(|trace| format!("00-{trace}-{SPAN}-01"))).await;
}

// test_traceparent_trace_id_too_long
#[tokio::test]
async fn a_trace_is_not_longer() {
    starts_anew(&[format!("00-{TRACE}3-{SPAN}-01")]).await;
}

// test_traceparent_trace_id_too_short
#[tokio::test]
async fn a_trace_is_not_shorter() {
    starts_anew(&[
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00--{SPAN}-01"),
    ])
    .await;
}

// test_traceparent_parent_id_all_zero
#[tokio::test]
async fn a_parent_is_not_zero() {
    starts_anew(&[format!("00-{TRACE}-{}-01", "0".repeat(16))]).await;
}

// test_traceparent_parent_id_illegal_characters
#[tokio::test]
async fn a_parent_is_in_lower_case_hexadecimal_digits() {
    let spans = [".234567890123456", "123456789012345.", "123456789012345F"];
    starts_anew(&spans.map(|span| format!("00-{TRACE}-{span}-01"))).await;
}

// test_traceparent_parent_id_too_long
#[tokio::test]
async fn a_parent_is_not_longer() {
    starts_anew(&[format!("00-{TRACE}-{SPAN}7-01")]).await;
}

// test_traceparent_parent_id_too_short
#[tokio::test]
async fn a_parent_is_not_shorter() {
    starts_anew(&[format!("00-{TRACE}-{}-01", &SPAN[1..])]).await;
}

// test_traceparent_trace_flags_illegal_characters
#[tokio::test]
async fn flags_are_in_lower_case_hexadecimal_digits() {
    let flags = [".0", "0.", "0A", "0g"];
    starts_anew(&flags.map(|flags| format!("00-{TRACE}-{SPAN}-{flags}"))).await;
}

// test_traceparent_trace_flags_too_long
#[tokio::test]
async fn flags_are_not_longer() {
    starts_anew(&[format!("00-{TRACE}-{SPAN}-001")]).await;
}

// test_traceparent_trace_flags_too_short
#[tokio::test]
async fn flags_are_not_shorter() {
    starts_anew(&["1", ""].map(|flags| format!("00-{TRACE}-{SPAN}-{flags}"))).await;
}

// test_traceparent_ows_handling
#[tokio::test]
async fn white_space_around_it_is_not_of_it() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let spaces = [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")];
    goes_on(&spaces.map(|(before, after)| format!("{before}{parent}{after}"))).await;
}

#[tokio::test]
async fn other_dashes_are_none() {
    let wrong = [
        format!("00_{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}_{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}_01"),
        format!("00{TRACE}{SPAN}01---"),
        String::new(),
        " ".to_owned(),
    ];
    starts_anew(&wrong).await;
}

#[tokio::test]
async fn the_random_flag_goes_on_and_unknown_ones_do_not() {
    for (received, expected) in [("02", 2), ("03", 3), ("00", 0), ("ff", 3), ("fc", 0)] {
        let parent = format!("00-{TRACE}-{SPAN}-{received}");
        for sent in sent(&[("traceparent", &parent)]).await {
            assert_eq!(sent.flags, expected, "{received}");
        }
    }
}

#[tokio::test]
async fn a_trace_that_starts_here_is_random() {
    for sent in sent(&[]).await {
        assert_eq!(sent.flags & 2, 2);
    }
}

#[tokio::test]
async fn an_untrusted_peers_flag_does_not_sample() {
    let parent = format!("00-{TRACE}-{SPAN}-03");
    let sent = sent_untrusted(&[("traceparent", &parent)]).await;

    assert_eq!((&*sent.trace, sent.flags), (TRACE, 2));
}
