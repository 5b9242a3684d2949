use std::fs;

use http::Request;
use portcullis::{Guard, Reply, api_key::ApiKeyGuard};

use super::*;

fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let found = |name: &str| set.iter().find(|(key, _)| *key == name);
    Config::read(|name| found(name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn needs_nothing() {
    let config = read(&[]).unwrap();

    assert_eq!(config.address(), "127.0.0.1:8080");
    assert_eq!(config.quota, Quota::per_second(10));
    assert!(config.demo_key.is_some());
    assert!(config.issuer.is_some() && config.signatures.is_some());
    assert!(config.cors.is_some());
}

#[test]
fn production_needs_a_key_and_has_no_demo_key() {
    let refused = read(&[("ENVIRONMENT", "production")]).unwrap_err();
    assert!(
        refused.to_string().contains("a key is required"),
        "{refused}"
    );

    let key = ApiKey::generate("pk").unwrap();
    let set = [("ENVIRONMENT", "production"), ("API_KEYS", key.expose())];
    let config = read(&set).unwrap();
    assert!(config.demo_key.is_none());
    assert!(config.tokens.is_none() && config.signatures.is_none());
    assert!(config.cors.is_none());
}

#[test]
fn everything_wrong_is_said_at_once() {
    let set = [
        ("ENVIRONMENT", "staging"),
        ("PORT", "70000"),
        ("RATE_LIMIT_BURST", "0"),
        ("API_KEYS", "pk_1_2"),
        ("TOKEN_KEY", "x"),
        ("SIGNATURE_SECRET", "short"),
        ("CORS_ORIGINS", "nowhere"),
    ];
    let problems = read(&set).unwrap_err().to_string();

    for name in [
        "ENVIRONMENT",
        "PORT",
        "quota",
        "API keys",
        "TOKEN_KEY",
        "SIGNATURE_SECRET",
        "nowhere",
    ] {
        assert!(problems.contains(name), "{problems}");
    }
    assert!(!problems.contains('\n'), "{problems}");
}

#[test]
fn a_key_that_is_revoked_in_its_file_is_revoked() {
    let key = ApiKey::generate("pk").unwrap();
    let name = format!("portcullis-demo-keys-{}", std::process::id());
    let path = env::temp_dir().join(name);
    let (id, digest) = (key.id(), key.digest().to_hex());
    let lines = format!("[keys.{id}]\ndigest = \"sha256:{digest}\"\n");
    fs::write(&path, &lines).unwrap();
    let config = read(&[("API_KEYS_FILE", path.to_str().unwrap())]).unwrap();
    let guard = ApiKeyGuard::new(config.keys.clone());
    let is_admitted = || {
        let request = Request::get("/").header("x-api-key", key.expose());
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        guard.admit(&mut head, &mut Reply::default()).is_admit()
    };
    assert!(is_admitted());

    fs::write(&path, lines + "revoked = true\n").unwrap();
    config.key_file.unwrap().reload().unwrap();
    fs::remove_file(path).unwrap();

    assert!(!is_admitted());
    assert!(config.demo_key.is_none(), "the file has all keys");
}
