use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::TelemetryResourceDetector};

use super::settings::Settings;

/// Returns what the telemetry is of. The later counts more: the code's own attributes, the variables'
/// attributes, the variable for the name alone.
pub(super) fn resource(
    service: &'static str,
    defaults: &[(String, String)],
    settings: &Settings,
) -> Resource {
    let pair = |(key, value): &(String, String)| KeyValue::new(key.clone(), value.clone());
    let name = |name: &str| KeyValue::new("service.name", name.to_owned());
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(name(service))
        .with_attributes(defaults.iter().map(pair))
        .with_attributes(settings.resource.iter().map(pair))
        .with_attributes(settings.service.as_deref().map(name))
        .build()
}
