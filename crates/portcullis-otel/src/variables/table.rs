//! Each variable of the specification, and what becomes of it.

/// What becomes of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    Honoured,
    /// Refused at start, whatever its value, because of this.
    Refused(&'static str),
}

use Handling::{Honoured, Refused};

/// Returns why a variable is refused, where it is.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    let known = VARIABLES.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, Honoured)) => None,
        Some((_, Refused(why))) => Some(why),
        None => {
            let is_near = OURS.iter().any(|prefix| name.starts_with(prefix));
            is_near.then_some(UNKNOWN)
        }
    }
}

/// A name that begins like this and is not in the table is a typing error, or new.
const OURS: [&str; 15] = [
    "OTEL_ATTRIBUTE_",
    "OTEL_BLRP_",
    "OTEL_BSP_",
    "OTEL_EVENT_",
    "OTEL_EXPORTER_",
    "OTEL_LINK_",
    "OTEL_LOGRECORD_",
    "OTEL_LOGS_",
    "OTEL_METRIC",
    "OTEL_PROPAGATOR",
    "OTEL_RESOURCE_ATTR",
    "OTEL_SDK_",
    "OTEL_SERVICE_NA",
    "OTEL_SPAN_",
    "OTEL_TRACE",
];

const UNKNOWN: &str = "no such variable is known";
const FILE: &str = "a configuration file is not read: use the variables";
const NO_PROFILES: &str = "profiles are not exported";
const NO_ZIPKIN: &str = "there is no Zipkin exporter: use OTLP";
const NO_PAGE: &str = "there is no page of metrics here: portcullis-prometheus has one";

/// In the order of `docs/telemetry.md`, which has the same rows.
pub(crate) const VARIABLES: &[(&str, Handling)] = &[
    ("OTEL_SDK_DISABLED", Honoured),
    ("OTEL_RESOURCE_ATTRIBUTES", Honoured),
    ("OTEL_SERVICE_NAME", Honoured),
    ("OTEL_PROPAGATORS", Honoured),
    ("OTEL_TRACES_SAMPLER", Honoured),
    ("OTEL_TRACES_SAMPLER_ARG", Honoured),
    ("OTEL_TRACES_EXPORTER", Honoured),
    ("OTEL_METRICS_EXPORTER", Honoured),
    ("OTEL_LOGS_EXPORTER", Honoured),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", Honoured),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", Honoured),
    ("OTEL_EXPORTER_OTLP_INSECURE", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_INSECURE", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", Honoured),
    ("OTEL_EXPORTER_OTLP_HEADERS", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", Honoured),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", Honoured),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", Honoured),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY", Honoured),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", Honoured),
    ("OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE", Honoured),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        Honoured,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        Honoured,
    ),
    ("OTEL_BSP_SCHEDULE_DELAY", Honoured),
    ("OTEL_BSP_EXPORT_TIMEOUT", Honoured),
    ("OTEL_BSP_MAX_QUEUE_SIZE", Honoured),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Honoured),
    ("OTEL_BLRP_SCHEDULE_DELAY", Honoured),
    ("OTEL_BLRP_EXPORT_TIMEOUT", Honoured),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", Honoured),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", Honoured),
    ("OTEL_METRIC_EXPORT_INTERVAL", Honoured),
    ("OTEL_METRIC_EXPORT_TIMEOUT", Honoured),
    ("OTEL_METRICS_EXEMPLAR_FILTER", Honoured),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", Honoured),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", Honoured),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", Honoured),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", Honoured),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", Honoured),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", Honoured),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", Honoured),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", Honoured),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", Honoured),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", Honoured),
    ("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", Honoured),
    ("OTEL_SEMCONV_STABILITY_OPT_IN", Honoured),
    (
        "OTEL_LOG_LEVEL",
        Refused("log lines are filtered by the program's `tracing` subscriber: use RUST_LOG"),
    ),
    ("OTEL_CONFIG_FILE", Refused(FILE)),
    ("OTEL_EXPERIMENTAL_CONFIG_FILE", Refused(FILE)),
    ("OTEL_ENTITIES", Refused("use OTEL_RESOURCE_ATTRIBUTES")),
    (
        "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
        Refused("it is obsolete: use OTEL_EXPORTER_OTLP_TRACES_INSECURE"),
    ),
    (
        "OTEL_EXPORTER_OTLP_METRIC_INSECURE",
        Refused("it is obsolete: use OTEL_EXPORTER_OTLP_METRICS_INSECURE"),
    ),
    ("OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT", Refused(NO_PROFILES)),
    ("OTEL_PROFILES_EXPORTER", Refused(NO_PROFILES)),
    ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", Refused(NO_ZIPKIN)),
    ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", Refused(NO_ZIPKIN)),
    ("OTEL_EXPORTER_ZIPKIN_PROTOCOL", Refused(NO_ZIPKIN)),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", Refused(NO_PAGE)),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", Refused(NO_PAGE)),
];
