//! `docs/telemetry.md`, the table in the code and what is read: row by row.

use std::{collections::BTreeSet, fs};

use super::super::settings::Settings;
use crate::{
    tests::tls::Files,
    variables::table::{Handling, VARIABLES},
};

/// Of a variable: a value that changes something, one that is refused, and what else is set.
type Values = (String, &'static str, Vec<(String, String)>);

/// The values of a variable that is honoured.
fn values(name: &str) -> Values {
    let is = |end: &str| name.ends_with(end);
    let (good, wrong) = match name {
        _ if is("_CERTIFICATE") || is("_CLIENT_KEY") => return file(name),
        "OTEL_SDK_DISABLED" => ("true", "yes"),
        "OTEL_RESOURCE_ATTRIBUTES" => ("a=b", "a"),
        "OTEL_SERVICE_NAME" => ("shop", NEVER),
        "OTEL_PROPAGATORS" => ("tracecontext", "b3"),
        "OTEL_TRACES_SAMPLER" => ("always_off", "xray"),
        "OTEL_TRACES_SAMPLER_ARG" => ("0.5", "2"),
        "OTEL_METRICS_EXEMPLAR_FILTER" => (NEVER, "always_on"),
        "OTEL_SEMCONV_STABILITY_OPT_IN" => (NEVER, "http/dup"),
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS" => ("GET,PURGE", "GET,a b"),
        _ if is("_EXPORTER") => ("otlp", "zipkin"),
        _ if is("_ENDPOINT") => ("http://collector:4318", "collector"),
        _ if is("_PROTOCOL") => ("grpc", "http/json"),
        _ if is("_INSECURE") => ("true", "1"),
        _ if is("_HEADERS") => ("authorization=Bearer%20x", "a b=c"),
        _ if is("_COMPRESSION") => ("gzip", "zstd"),
        _ if is("_TEMPORALITY_PREFERENCE") => ("delta", "sometimes"),
        _ if is("_HISTOGRAM_AGGREGATION") => ("base2_exponential_bucket_histogram", "none"),
        _ => ("77", "-1"),
    };
    (good.to_owned(), wrong, context(name))
}

/// What must be set for a variable to change something.
fn context(name: &str) -> Vec<(String, String)> {
    let mut set = Vec::new();
    if name.ends_with("_ARG") {
        set.push(("OTEL_TRACES_SAMPLER", "traceidratio"));
    }
    if !name.ends_with("_EXPORTER") && !name.ends_with("_ENDPOINT") {
        set.push(("OTEL_TRACES_EXPORTER", "otlp"));
        set.push(("OTEL_METRICS_EXPORTER", "otlp"));
        set.push(("OTEL_LOGS_EXPORTER", "otlp"));
    }
    if name.ends_with("_INSECURE") {
        set.push(("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"));
        set.push(("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"));
    }
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    set.into_iter().map(owned).collect()
}

/// A key needs its certificate, and a certificate its key.
fn file(name: &str) -> Values {
    let mut set = context(name);
    let path = |name: &str| Files::get().path(name);
    let own = match name.rsplit_once("_CLIENT_") {
        Some((prefix, "KEY")) => {
            set.push((format!("{prefix}_CLIENT_CERTIFICATE"), path("client.pem")));
            path("client.key")
        }
        Some((prefix, _)) => {
            set.push((format!("{prefix}_CLIENT_KEY"), path("client.key")));
            path("client.pem")
        }
        None => path("root.pem"),
    };
    (own, "/no/such/file", set)
}

/// There is no such value, or it changes nothing.
const NEVER: &str = "";

fn parse(set: &[(&str, &str)]) -> Result<Settings, String> {
    let set = set.iter().map(|(name, value)| (name.into(), value.into()));
    Settings::parse(set).map_err(|error| error.to_string())
}

#[test]
fn each_variable_that_is_honoured_changes_something_or_is_refused() {
    for (name, _) in VARIABLES
        .iter()
        .filter(|(_, handling)| *handling == Handling::Honoured)
    {
        let (good, wrong, context) = values(name);
        let context: Vec<(&str, &str)> = context
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let with = |value: &str| parse(&[&context[..], &[(*name, value)]].concat());
        let is_alone = |(name, _): &&(&str, &str)| !name.contains("_CLIENT_");
        let without: Vec<_> = context.iter().filter(is_alone).copied().collect();
        let without = parse(&without).unwrap();

        if good != NEVER {
            assert_ne!(with(&good).as_ref(), Ok(&without), "{name} changes nothing");
            assert!(with(&good).is_ok(), "{name}: {:?}", with(&good));
        }
        if wrong != NEVER {
            let problem = with(wrong).unwrap_err();
            assert!(problem.contains(name), "{name}: {problem}");
            assert_eq!(problem.lines().count(), 1);
        }
    }
}

#[test]
fn each_variable_that_is_refused_says_why() {
    for (name, handling) in VARIABLES {
        if let Handling::Refused(why) = handling {
            assert_eq!(parse(&[(name, "1")]), Err(format!("{name}: {why}")));
        }
    }
}

#[test]
fn the_document_has_the_same_rows() {
    let document = format!("{}/../../docs/telemetry.md", env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(document).unwrap();
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?.strip_prefix("`OTEL_")?.strip_suffix('`')?;
        Some((format!("OTEL_{name}"), cells.next()? == "honoured"))
    });
    let documented: BTreeSet<_> = rows.collect();
    let coded = VARIABLES
        .iter()
        .map(|(name, handling)| ((*name).to_owned(), *handling == Handling::Honoured));
    let coded: BTreeSet<_> = coded.collect();

    assert_eq!(documented, coded);
}

#[test]
fn everything_wrong_is_told_at_once_and_no_secret_with_it() {
    let error = parse(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://user:hunter2@collector",
        ),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "11"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            &Files::get().path("client.key"),
        ),
    ])
    .unwrap_err();

    assert_eq!(error.split("; ").count(), 6, "{error}");
    assert!(!error.contains("hunter2"));
}

#[test]
fn a_disabled_sdk_reads_its_propagators_only() {
    let settings = parse(&[
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "wrong"),
        ("OTEL_PROPAGATORS", "baggage"),
    ])
    .unwrap();

    assert!(settings.targets.iter().all(Option::is_none));
    assert!(!settings.propagators.trace_context);
}

#[test]
fn nothing_is_exported_unless_asked_for() {
    let on = |set: &[(&str, &str)]| parse(set).unwrap().targets.map(|target| target.is_some());

    assert_eq!(on(&[]), [false; 3]);
    assert_eq!(
        on(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a")]),
        [true; 3]
    );
    assert_eq!(
        on(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://a")]),
        [false, false, true]
    );
    assert_eq!(
        on(&[("OTEL_METRICS_EXPORTER", "otlp")]),
        [false, true, false]
    );
    let all_but = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ];
    assert_eq!(on(&all_but), [false, true, true]);
}

#[test]
fn endpoints_follow_the_rules_of_their_protocol() {
    let uri = |set: &[(&str, &str)]| {
        let [traces, ..] = parse(set)?.targets;
        Ok::<_, String>(traces.unwrap().uri.to_string())
    };
    let general = |value| uri(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]);
    let own = |value| uri(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value)]);
    let grpc = |value, insecure| {
        uri(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", value),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ])
    };
    let method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

    assert_eq!(general("http://a:1/").unwrap(), "http://a:1/v1/traces");
    assert_eq!(
        general("https://a/base/").unwrap(),
        "https://a/base/v1/traces"
    );
    assert_eq!(own("http://a:1").unwrap(), "http://a:1/");
    assert_eq!(own("http://a:1/x?y=z").unwrap(), "http://a:1/x?y=z");
    assert_eq!(
        uri(&[("OTEL_TRACES_EXPORTER", "otlp")]).unwrap(),
        "http://localhost:4318/v1/traces"
    );
    assert_eq!(
        grpc("http://[::1]:1", "false").unwrap(),
        format!("http://[::1]:1{method}")
    );
    assert_eq!(grpc("a:1", "true").unwrap(), format!("http://a:1{method}"));
    assert_eq!(
        grpc("a:1", "false").unwrap(),
        format!("https://a:1{method}")
    );
    assert_eq!(
        grpc("https://a:1", "true").unwrap(),
        format!("https://a:1{method}")
    );
    for wrong in [
        "a:1",
        "ftp://a",
        "http://",
        "http://a:0",
        "http://a:99999",
        "unix:///a",
        "http://a?b",
    ] {
        assert!(general(wrong).is_err(), "{wrong}");
    }
    assert!(grpc("http://a/path", "").is_err());
}
