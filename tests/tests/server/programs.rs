//! Bad input to the programs gives one clear line on stderr and exit code 2.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{net::TcpListener, process::Output};

use portcullis::api_key::ApiKey;
use portcullis_tests::program::run;

/// Asserts the one line, and that it is all.
fn assert_refused(output: &Output, expected: &str) {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(expected), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn a_key_without_its_checksum() {
    let key = ApiKey::generate("pk").unwrap();
    let cut = &key.expose()[..key.expose().len() - 6];
    let output = run("demo", &[], &[("API_KEYS", cut)]);

    assert_refused(
        &output,
        "API keys: entry 1: not an API key, or one with a wrong checksum",
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains(cut));
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run("demo", &[], &[("PORT", &port)]);

    assert_refused(&output, &format!("127.0.0.1:{port}: "));
}

#[test]
fn an_unparsable_range() {
    let output = run("demo", &[], &[("TRUSTED_PROXIES", "10.0.0.0/33")]);

    assert_refused(
        &output,
        "\"10.0.0.0/33\" is neither an address nor a CIDR range",
    );
}

#[test]
fn an_unknown_environment() {
    let output = run("demo", &[], &[("ENVIRONMENT", "staging")]);

    assert_refused(
        &output,
        "ENVIRONMENT: \"staging\": it is development or production",
    );
}

#[test]
fn production_without_a_key() {
    let output = run("demo", &[], &[("ENVIRONMENT", "production")]);

    assert_refused(&output, "in production a key is required");
}

#[test]
fn a_key_file_that_is_not_there() {
    let output = run("demo", &[], &[("API_KEYS_FILE", "no/such/file")]);

    assert_refused(&output, "no/such/file: No such file");
}

#[test]
fn an_unknown_sampler() {
    let set = [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
    ];
    let output = run("demo", &[], &set);

    assert_refused(
        &output,
        "OTEL_TRACES_SAMPLER: \"sometimes\" is no known sampler",
    );
}

#[test]
fn an_unknown_command() {
    assert_refused(&run("portcullis", &["kex"], &[]), "\"kex\" is no command");
    assert_refused(&run("portcullis", &[], &[]), "nothing to do");
    let prefix = run("portcullis", &["key", "new", "--prefix", "PK"], &[]);
    assert_refused(
        &prefix,
        "a key's prefix is 1 to 16 lowercase letters and digits",
    );
}

#[test]
fn a_new_key_is_shown_once_with_the_line_that_configures_it() {
    let output = run("portcullis", &["key", "new", "--name", "alice"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let keys: Vec<_> = text
        .lines()
        .filter(|line| ApiKey::parse(line).is_ok())
        .collect();
    let line = text.lines().find_map(|line| line.strip_prefix("API_KEYS="));

    assert_eq!(output.status.code(), Some(0));
    assert_eq!(keys.len(), 1, "{text}");
    let line = line.unwrap();
    assert!(line.starts_with("alice=sha256:"), "{line}");
    assert!(portcullis::api_key::Keys::parse(line).is_ok());
    let secret = keys[0].rsplit_once('_').unwrap().1;
    assert!(!line.contains(secret));
}
