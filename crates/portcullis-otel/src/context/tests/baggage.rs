//! Cases of `baggage`: those of W3C's suite (<https://github.com/w3c/baggage>, `test/test_baggage.py`),
//! under a comment with its name, and those of the standard that it lacks.

use http::{HeaderMap, Request};
use opentelemetry::{
    Context, KeyValue,
    baggage::{Baggage, BaggageExt, BaggageMetadata, KeyValueMetadata},
    propagation::TextMapPropagator,
};

use super::{Body, Lines, Sent, Way, calls, injected, request, right, trusted};
use crate::{Propagator, Sampling, Tracing};

/// What is read of these lines, sorted by key: key, value and properties.
fn read(lines: &[&str]) -> Vec<(String, String, String)> {
    let lines: Vec<_> = lines.iter().map(|line| ("baggage", *line)).collect();
    let keys = (0..200).map(|n| format!("key{n}"));
    let keys = keys.chain((0..600).map(|n| format!("{n:03}")));
    let propagator = Propagator::new().allow_baggage(keys.chain(KEYS.map(str::to_owned)));
    let context = propagator.extract_with_context(&Context::new(), &Lines::new(&lines));
    let mut read: Vec<_> = context
        .baggage()
        .iter()
        .map(|(key, (value, properties))| {
            let properties = properties.as_str().to_owned();
            (key.to_string(), value.to_string(), properties)
        })
        .collect();
    read.sort();
    read
}

fn reads(lines: &[&str], expected: &[(&str, &str, &str)]) {
    let read = read(lines);
    let read: Vec<_> = read.iter().map(|(k, v, p)| (&**k, &**v, &**p)).collect();
    assert_eq!(read, expected, "{lines:?}");
}

fn written(baggage: impl Into<Baggage>) -> Option<String> {
    let sent: HeaderMap = injected(&Context::new().with_baggage(baggage));
    let line = sent.get("baggage")?;
    Some(line.to_str().unwrap().to_owned())
}

/// What is written of what was read.
fn again(line: &str) -> Option<String> {
    let propagator = Propagator::new().allow_baggage(KEYS);
    let lines = Lines::new(&[("baggage", line)]);
    let context = propagator.extract_with_context(&Context::new(), &lines);
    let sent = injected(&context);
    sent.get("baggage")
        .map(|line| line.to_str().unwrap().to_owned())
}

const KEYS: [&str; 8] = [
    "SomeKey",
    "SomeKey2",
    "a",
    "b",
    "c",
    "userId",
    "serverNode",
    "isProduction",
];

// BaggageTest.test_ctor_default
#[test]
fn nothing_is_no_field() {
    reads(&[], &[]);
    assert_eq!(written(Baggage::new()), None);
}

// BaggageTest.test_parse_simple, BaggageEntryTest.test_ctor_default, test_parse_simple
#[test]
fn a_member_is_a_key_and_a_value() {
    reads(&["SomeKey=SomeValue"], &[("SomeKey", "SomeValue", "")]);
    assert_eq!(
        written([KeyValue::new("SomeKey", "SomeValue")]).unwrap(),
        "SomeKey=SomeValue"
    );
}

// BaggageTest.test_parse_multiple
#[test]
fn members_have_properties_of_their_own() {
    let line = "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal";
    let expected = [
        ("SomeKey", "SomeValue", "SomeProp"),
        ("SomeKey2", "SomeValue2", "ValueProp=PropVal"),
    ];
    reads(&[line], &expected);
    assert_eq!(again(line).as_deref(), Some(line));
}

// BaggageTest.test_parse_multiple_ows
#[test]
fn white_space_is_of_nothing() {
    let line = "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal";
    let expected = [
        ("SomeKey", "SomeValue", "SomeProp"),
        ("SomeKey2", "SomeValue2", "ValueProp=PropVal"),
    ];
    reads(&[line], &expected);
}

// BaggageTest.test_parse_multiple_kv_property
#[test]
fn properties_have_values() {
    let line = "SomeKey=SomeValue;SomePropKey=SomePropValue,SomeKey2=SomeValue2;SomePropKey2=SomePropValue2";
    let expected = [
        ("SomeKey", "SomeValue", "SomePropKey=SomePropValue"),
        ("SomeKey2", "SomeValue2", "SomePropKey2=SomePropValue2"),
    ];
    reads(&[line], &expected);
}

// BaggageTest.test_parse_multiple_kv_property_ows
#[test]
fn white_space_is_not_of_properties_with_values() {
    let line = "SomeKey \t = \t SomeValue \t ; \t SomePropKey=SomePropValue \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t SomePropKey2 \t = \t SomePropValue2";
    let expected = [
        ("SomeKey", "SomeValue", "SomePropKey=SomePropValue"),
        ("SomeKey2", "SomeValue2", "SomePropKey2=SomePropValue2"),
    ];
    reads(&[line], &expected);
}

// BaggageEntryTest.test_parse_multiple_equals
#[test]
fn a_value_may_have_more_equals_signs() {
    reads(
        &["SomeKey=SomeValue=equals"],
        &[("SomeKey", "SomeValue=equals", "")],
    );
    reads(&["a==;p=x=y"], &[("a", "=", "p=x=y")]);
    assert_eq!(again("a=b=c").as_deref(), Some("a=b=c"));
}

// BaggageEntryTest.test_parse_percent_encoded
#[test]
fn values_are_percent_encoded() {
    let encoded = "SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29";
    let value = "\t \"';=asdf!@#$%^&*()";
    reads(&[encoded], &[("SomeKey", value, "")]);

    let sent = written([KeyValue::new("SomeKey", value)]).unwrap();
    assert_eq!(sent, "SomeKey=%09%20%22'%3B=asdf!@#$%25^&*()");
    reads(&[&sent], &[("SomeKey", value, "")]);
}

// BaggageEntryTest.test_parse_property
#[test]
fn a_property_may_be_a_key_alone() {
    reads(
        &["SomeKey=SomeValue;SomeProp"],
        &[("SomeKey", "SomeValue", "SomeProp")],
    );
}

// BaggageEntryTest.test_parse_multi_property
#[test]
fn there_may_be_several_properties() {
    let line = "SomeKey=SomeValue;SomeProp;SecondProp=PropValue";
    reads(
        &[line],
        &[("SomeKey", "SomeValue", "SomeProp;SecondProp=PropValue")],
    );
    assert_eq!(again(line).as_deref(), Some(line));
}

// BaggageEntryTest.test_parse_kv_property
#[test]
fn a_property_may_have_a_value() {
    let line = "SomeKey=SomeValue;SomePropKey=SomePropValue";
    reads(
        &[line],
        &[("SomeKey", "SomeValue", "SomePropKey=SomePropValue")],
    );
}

// BaggageEntryTest.test_parse_simple_ows
#[test]
fn white_space_is_not_of_a_member() {
    reads(
        &["SomeKey \t = \t SomeValue \t "],
        &[("SomeKey", "SomeValue", "")],
    );
}

// BaggageEntryTest.test_parse_percent_encoded_ows
#[test]
fn white_space_is_of_a_value_only_encoded() {
    reads(
        &["SomeKey \t = \t %09%20x%20 \t "],
        &[("SomeKey", "\t x ", "")],
    );
}

// BaggageEntryTest.test_parse_property_ows
#[test]
fn white_space_is_not_of_a_property() {
    let line = "SomeKey \t = \t SomeValue \t ; \t SomeProp";
    reads(&[line], &[("SomeKey", "SomeValue", "SomeProp")]);
}

// BaggageEntryTest.test_parse_multi_property_ows, test_parse_kv_property_ows
#[test]
fn white_space_is_not_of_several_properties() {
    let line = "SomeKey \t = \t SomeValue \t ; \t SomeProp \t ; \t SecondProp \t = \t PropValue";
    reads(
        &[line],
        &[("SomeKey", "SomeValue", "SomeProp;SecondProp=PropValue")],
    );
}

// LimitsTest.test_serialize_at_least_64
#[test]
fn sixty_four_members_go_on() {
    let members: Vec<_> = (0..64)
        .map(|n| KeyValue::new(format!("key{n}"), "value"))
        .collect();
    let sent = written(members).unwrap();
    assert_eq!(sent.split(',').count(), 64);
    assert_eq!(read(&[&sent]).len(), 64);
}

// LimitsTest.test_serialize_long_entry
#[test]
fn a_member_of_8192_bytes_goes_on() {
    let value = "0123456789".repeat(819);
    let sent = written([KeyValue::new("a", value.clone())]).unwrap();
    assert_eq!(sent.len(), 8192);
    reads(&[&sent], &[("a", &value, "")]);
}

// LimitsTest.test_serialize_many_entries: of 512, which are more than have to go on.
#[test]
fn what_is_over_the_limits_is_left_out_by_whole_members() {
    let all: Vec<_> = (0..512).map(|n| format!("{n:03}=0123456789a")).collect();
    let read = read(&[&all.join(",")]);
    assert_eq!(read.len(), 64);
    assert!(read.iter().all(|(_, value, _)| value == "0123456789a"));

    let long = format!("a={},b=1,c={}", "x".repeat(5000), "x".repeat(5000));
    let read = super::baggage::read(&[&long]);
    let lengths: Vec<_> = read
        .iter()
        .map(|(key, value, _)| (&**key, value.len()))
        .collect();
    assert_eq!(lengths, [("a", 5000), ("b", 1)]);
}

#[test]
fn no_part_of_a_member_that_grew_is_sent() {
    let members = [
        KeyValue::new("a", " ".repeat(2000)),
        KeyValue::new("b", " ".repeat(2000)),
        KeyValue::new("c", "x"),
    ];
    let sent = written(members).unwrap();
    assert_eq!(sent, format!("a={},c=x", "%20".repeat(2000)));
}

#[test]
fn lines_are_one_list() {
    let lines = ["userId=alice", "serverNode=DF%2028,isProduction=false"];
    let expected = [
        ("isProduction", "false", ""),
        ("serverNode", "DF 28", ""),
        ("userId", "alice", ""),
    ];
    reads(&lines, &expected);
}

#[test]
fn a_wrong_member_is_left_out_and_only_it() {
    let wrong = [
        "b",
        "b c=1",
        "=1",
        "b=\"1\"",
        "b=1 2",
        "b=1\\",
        "b=é",
        "b=1;",
        "b=1;p q",
        "b=1;=x",
        "b=1;p=\"x\"",
        "b@=1",
        "",
        " ",
        ";p",
    ];
    for wrong in wrong {
        let line = format!("a=1,{wrong},c=2");
        reads(&[&line], &[("a", "1", ""), ("c", "2", "")]);
    }
}

#[test]
fn what_is_no_utf_8_is_replaced() {
    reads(
        &["a=%FF%61,b=%E2%82,c=%C3%A9"],
        &[
            ("a", "\u{fffd}a", ""),
            ("b", "\u{fffd}", ""),
            ("c", "é", ""),
        ],
    );
    reads(
        &["a=%,b=%4,c=%zz"],
        &[("a", "%", ""), ("b", "%4", ""), ("c", "%zz", "")],
    );
    assert_eq!(again("a=%FF").as_deref(), Some("a=%EF%BF%BD"));
}

#[test]
fn a_value_may_be_empty() {
    reads(&["a=,b= "], &[("a", "", ""), ("b", "", "")]);
    assert_eq!(again("a=").as_deref(), Some("a="));
}

#[test]
fn a_plus_is_a_plus() {
    reads(&["a=1+1%2B1"], &[("a", "1+1+1", "")]);
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    reads(&["a=1;p,b=2", "a=3"], &[("a", "3", ""), ("b", "2", "")]);
}

#[test]
fn keys_are_not_decoded_and_their_case_counts() {
    reads(&["%61=1,A=2,SOMEKEY=3"], &[]);
    reads(&["a=1"], &[("a", "1", "")]);
}

#[test]
fn what_the_application_sets_is_written_right_or_not_at_all() {
    let property = |text: &str| BaggageMetadata::from(text);
    let members = [
        KeyValueMetadata::new("a", "x\r\ny", property(" p ; q = 1 ;; ")),
        KeyValueMetadata::new("b", "x", property("p\r\nevil: 1")),
        KeyValueMetadata::new("c", "é,;", property("")),
    ];
    assert_eq!(written(members).unwrap(), "a=x%0D%0Ay;p;q=1,c=%C3%A9%2C%3B");
}

/// What a handler's call carries of a request's baggage.
async fn sent(tracing: Tracing, request: Request<Body>) -> Option<String> {
    let calls = calls(&tracing, request, Way::Client, 1).await;
    Sent::new(&calls[0]).baggage
}

#[tokio::test]
async fn an_edge_drops_it_but_for_what_is_allowed() {
    let parent = right();
    let lines = [("traceparent", &*parent), ("baggage", "a=1,b=2;p,c=3")];
    let tracing = || Tracing::propagating(Sampling::never());
    assert_eq!(sent(tracing(), trusted(&lines)).await, None);

    let allowing = || tracing().allow_baggage(["a", "b"]);
    let ours = sent(allowing(), trusted(&lines)).await;
    assert_eq!(ours.as_deref(), Some("a=1,b=2;p"));
    let untrusted = sent(allowing(), request(&lines)).await;
    assert_eq!(untrusted, None, "of trusted peers");

    let insecure = || allowing().insecure_allow_untrusted_baggage(["b", "c"]);
    let ours = sent(insecure(), trusted(&lines)).await;
    assert_eq!(ours.as_deref(), Some("a=1,b=2;p,c=3"), "of both lists");
    let untrusted = sent(insecure(), request(&lines)).await;
    assert_eq!(untrusted.as_deref(), Some("b=2;p,c=3"));
}

#[tokio::test]
async fn it_needs_no_trace() {
    let tracing = Tracing::propagating(Sampling::never()).allow_baggage(["a"]);
    let ours = sent(tracing, trusted(&[("baggage", "a=1")])).await;
    assert_eq!(ours.as_deref(), Some("a=1"));
}
