//! A layer module uses core and itself; only the edge knows them all.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

const MODULES: [&str; 11] = [
    "api_key",
    "body_limit",
    "catch_panic",
    "client_ip",
    "edge",
    "health",
    "rate_limit",
    "request_id",
    "secure_headers",
    "serve",
    "timeout",
];

/// The other modules that a line of `module` names in code.
fn others<'a>(module: &'a str, line: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    let code = line.split("//").next().unwrap_or_default();
    let names = move |other: &str| code.contains(&format!("crate::{other}::"));
    MODULES
        .into_iter()
        .filter(move |other| *other != module && names(other))
}

/// Every file below a folder but tests, and its text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources.extend(self::sources(&path));
        } else if path.is_file() && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path.display().to_string(), text));
        }
    }
    sources
}

#[test]
fn no_layer_uses_another() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/portcullis/src");
    for module in MODULES.into_iter().filter(|module| *module != "edge") {
        for (path, text) in sources(&source.join(module)) {
            for line in text.lines() {
                assert_eq!(others(module, line).next(), None, "{path}: {line}");
            }
        }
    }
}

#[test]
fn would_notice_one_that_does() {
    let line = "use crate::rate_limit::RateLimit;";

    assert_eq!(others("api_key", line).collect::<Vec<_>>(), ["rate_limit"]);
    assert_eq!(others("rate_limit", line).count(), 0);
    assert_eq!(
        others("api_key", "//! see crate::rate_limit::RateLimit").count(),
        0
    );
}
