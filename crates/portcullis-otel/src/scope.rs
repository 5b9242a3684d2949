use opentelemetry::InstrumentationScope;

/// Returns what all spans and instruments of ours are of.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("portcullis")
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA)
        .build()
}

/// Of the conventions that they follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";
