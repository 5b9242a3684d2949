use http::{HeaderMap, HeaderValue, header};
use portcullis::{Count, Counts};
use prometheus_client::{
    metrics::counter::Counter,
    registry::{Registry, Unit},
};
use proptest::prelude::*;

use super::send;
use crate::{Metrics, TextFormat, text};

fn accepting(accept: &[&str]) -> HeaderMap {
    let values = accept
        .iter()
        .map(|value| HeaderValue::from_str(value).unwrap());
    values.map(|value| (header::ACCEPT, value)).collect()
}

/// What asks for which format.
const ASKED: [(&[&str], TextFormat); 13] = [
    (&[], TextFormat::Prometheus),
    (&["*/*"], TextFormat::Prometheus),
    (&["text/html"], TextFormat::Prometheus),
    (&["text/plain"], TextFormat::Prometheus),
    (&["application/openmetrics-text"], TextFormat::OpenMetrics),
    (
        &["Application/OpenMetrics-Text; version=1.0.0; charset=utf-8"],
        TextFormat::OpenMetrics,
    ),
    // A version that is not written here.
    (
        &["application/openmetrics-text;version=0.0.1,text/plain;q=0.1"],
        TextFormat::Prometheus,
    ),
    (
        &["application/openmetrics-text;q=0.3,text/plain;q=0.4"],
        TextFormat::Prometheus,
    ),
    (
        &[
            "text/plain;version=0.0.4;q=0.4",
            "application/openmetrics-text;q=0.5",
        ],
        TextFormat::OpenMetrics,
    ),
    (
        &["application/openmetrics-text;q=0"],
        TextFormat::Prometheus,
    ),
    (&["application/*,text/plain;q=0.9"], TextFormat::OpenMetrics),
    // Prometheus 2.42.
    (
        &["application/openmetrics-text;version=1.0.0,\
           application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"],
        TextFormat::OpenMetrics,
    ),
    // Prometheus 3.
    (
        &[
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
           application/openmetrics-text;version=0.0.1;q=0.5,\
           text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ],
        TextFormat::OpenMetrics,
    ),
];

#[test]
fn the_format_is_the_one_that_is_preferred() {
    for (accept, format) in ASKED {
        let headers = accepting(accept);
        assert_eq!(TextFormat::preferred(&headers), format, "{accept:?}");

        let response = Metrics::new().respond(&headers);
        let content_type = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(content_type, format.content_type());
        assert_eq!(response.headers()[header::VARY], "accept");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let is_openmetrics = response.body().ends_with("# EOF\n");
        assert_eq!(is_openmetrics, format == TextFormat::OpenMetrics);
    }
}

#[test]
fn the_text_format_differs_in_little() {
    let openmetrics = "\
# HELP a_seconds Time # a {b}
# TYPE a_seconds counter
# UNIT a_seconds seconds
a_seconds_total{b=\"} # \\\"\\\\\"} 1.5 # {trace_id=\"ab\"} 1.0 2.0
# HELP b_build Build
# TYPE b_build info
b_build_info{version=\"1\"} 1
# HELP c Some
# TYPE c unknown
c 3
# HELP d_seconds Some
# TYPE d_seconds histogram
d_seconds_sum 1.0
d_seconds_bucket{le=\"+Inf\"} 2 # {trace_id=\"ab\"} 1.0
# EOF
";

    let expected = "\
# HELP a_seconds_total Time # a {b}
# TYPE a_seconds_total counter
a_seconds_total{b=\"} # \\\"\\\\\"} 1.5
# HELP b_build_info Build
# TYPE b_build_info gauge
b_build_info{version=\"1\"} 1
# HELP c Some
# TYPE c untyped
c 3
# HELP d_seconds Some
# TYPE d_seconds histogram
d_seconds_sum 1.0
d_seconds_bucket{le=\"+Inf\"} 2
";
    assert_eq!(text::from_openmetrics(openmetrics), expected);
}

#[tokio::test]
async fn process_and_build_are_shown() {
    let metrics = Metrics::new();
    send(&metrics, "GET", "200", None).await;
    let page = metrics.encode_as(TextFormat::Prometheus);

    let version = env!("CARGO_PKG_VERSION");
    let mut wanted = vec![format!("portcullis_build_info{{version=\"{version}\"}} 1")];
    if cfg!(target_os = "linux") {
        let names = [
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_virtual_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
            "process_start_time_seconds ",
        ];
        wanted.extend(names.map(str::to_owned));
    }
    for start in wanted {
        assert!(
            page.lines().any(|line| line.starts_with(&start)),
            "{start}: {page}"
        );
    }
}

/// A layer whose label has any value.
struct Named(String);

impl Counts for Named {
    fn counts(&self) -> Vec<Count> {
        vec![Count::total("named", "Anything", 7).label("name", self.0.clone())]
    }
}

/// The metrics of an application whose help text is this.
fn with_help(help: &str) -> Metrics {
    let mut registry = Registry::with_prefix("shop");
    let counter: Counter = Counter::default();
    registry.register_with_unit("own", help, Unit::Seconds, counter.clone());
    registry.register("plain", help, counter);
    Metrics::builder().registry(registry).build().unwrap()
}

fn help(page: &str, name: &str) -> Option<String> {
    let start = format!("# HELP {name} ");
    let mut lines = page
        .split('\n')
        .filter_map(|line| line.strip_prefix(&start));
    let found = lines.next()?.to_owned();
    assert_eq!(lines.next(), None, "{page}");
    Some(found)
}

#[test]
fn a_help_text_is_escaped_as_its_format_has_it() {
    let text = "a\\b \"c\"\nd\re\r\n\nf # é";
    let metrics = with_help(text);
    let openmetrics = metrics.encode();
    let expected = "a\\\\b \\\"c\\\"\\nd\\ne\\n\\nf # é.";
    assert_eq!(
        help(&openmetrics, "shop_own_seconds").as_deref(),
        Some(expected)
    );
    assert_eq!(help(&openmetrics, "shop_plain").as_deref(), Some(expected));

    let text = metrics.encode_as(TextFormat::Prometheus);
    let expected = "a\\\\b \"c\"\\nd\\ne\\n\\nf # é.";
    assert_eq!(
        help(&text, "shop_own_seconds_total").as_deref(),
        Some(expected)
    );
    assert_eq!(help(&text, "shop_plain_total").as_deref(), Some(expected));
}

#[test]
fn a_help_text_adds_no_line() {
    let lines = |help: &str| {
        let metrics = with_help(help);
        [TextFormat::OpenMetrics, TextFormat::Prometheus].map(|format| {
            let page = metrics.encode_as(format);
            assert!(!page.contains("\nforged_total"), "{page}");
            assert!(!page.contains('\r'), "{page}");
            page.lines().count()
        })
    };
    let usual = lines("usual");
    for forged in [
        "a\n# TYPE forged counter\nforged_total 7\n# EOF\n",
        "a\r# TYPE forged counter\rforged_total 7",
        " ",
        "",
        "# HELP ",
        "\\",
        "a\\\n",
    ] {
        assert_eq!(lines(forged), usual, "{forged:?}");
    }
}

proptest! {
    /// Whatever a help text is, what a reader makes of it is the text.
    #[test]
    fn no_help_breaks_a_format(text in "(\\PC|[\"\\\\\n\r{}# ]){0,30}") {
        let metrics = with_help(&text);
        let unescaped = |help: &str| {
            let (mut plain, mut rest) = (String::new(), help.chars());
            while let Some(character) = rest.next() {
                plain.push(match character {
                    '\\' => match rest.next() {
                        Some('n') => '\n',
                        Some(escaped) => escaped,
                        None => '?',
                    },
                    other => other,
                });
            }
            plain
        };
        let expected = format!("{}.", text.replace("\r\n", "\n").replace('\r', "\n"));
        let found = help(&metrics.encode(), "shop_plain");
        prop_assert_eq!(found.map(|found| unescaped(&found)), Some(expected.clone()));
        let found = help(&metrics.encode_as(TextFormat::Prometheus), "shop_plain_total");
        // A text may begin with spaces, which this format does not keep.
        let found = unescaped(&found.unwrap_or_default());
        let (found, expected) = (found.trim_start(), expected.trim_start());
        prop_assert_eq!(found, expected);
    }

    /// Whatever a label's value is, its sample is one line of both formats, with the same labels.
    #[test]
    fn no_label_breaks_a_format(name in "(\\PC|[\"\\\\\n{}# ]){0,30}") {
        let metrics = Metrics::new();
        metrics.add(Named(name));
        let find = |page: String| {
            let mut lines = page.split('\n');
            lines.find(|line| line.starts_with("named_total{")).map(str::to_owned)
        };
        let openmetrics = find(metrics.encode()).unwrap();

        let is_whole = openmetrics.ends_with("\"} 7");
        prop_assert!(is_whole);
        prop_assert_eq!(find(metrics.encode_as(TextFormat::Prometheus)), Some(openmetrics));
    }

    #[test]
    fn no_text_panics(text in "(\\PC|\n|# TYPE |# HELP |\\{|\"){0,60}") {
        text::from_openmetrics(&text);
    }
}
