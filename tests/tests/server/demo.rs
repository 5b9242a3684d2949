//! The assistant's production checklist, literally, against the running demo.

#![expect(clippy::expect_used, reason = "tests")]

use std::process::Command;

use portcullis_tests::demo::Demo;

/// Runs a line in a shell, with `$URL` and `$KEY` set, and returns what it printed.
fn shell(demo: &Demo, line: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .env("URL", demo.url())
        .env("KEY", demo.key())
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

const STATUS: &str = "curl --silent --output /dev/null --write-out '%{http_code} '";

/// The statuses of 15 quick calls.
fn fifteen(demo: &Demo, path: &str) -> Vec<String> {
    let line = format!("for i in $(seq 15); do {STATUS} -H \"X-API-Key: $KEY\" $URL{path}; done");
    shell(demo, &line).split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn health_says_healthy_and_names_its_checks() {
    let demo = Demo::start().await;

    // The checks run as soon as the server does.
    let line = "for i in $(seq 50); do curl --silent --fail $URL/ready && break; sleep 0.1; done";
    shell(&demo, line);
    let json = shell(&demo, "curl --silent $URL/health | jq --compact-output");
    assert_eq!(
        json,
        r#"{"status":"healthy","checks":{"mongodb":"ok","redis":"ok","search":"ok","load shed":"ok"}}"#
    );
    assert_eq!(shell(&demo, &format!("{STATUS} $URL/health")), "200");
}

#[tokio::test]
async fn fifteen_quick_calls_give_some_429() {
    // However slow the machine is at starting 15 programs.
    let slow = ("RATE_LIMIT_PER_SECOND", "1");
    let demo = Demo::with(&[slow, ("RATE_LIMIT_HEALTH", "true")]);
    let statuses = fifteen(&demo, "/health");

    assert!(
        statuses.iter().any(|status| status == "429"),
        "{statuses:?}"
    );
    assert_eq!(statuses[0], "200", "{statuses:?}");
    let demo = Demo::with(&[slow]);
    let statuses = fifteen(&demo, "/api/hello");
    assert!(
        statuses.iter().any(|status| status == "429"),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn probes_spend_no_quota_by_default() {
    let demo = Demo::start().await;
    let statuses = fifteen(&demo, "/health");

    assert!(
        statuses.iter().all(|status| status != "429"),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn metrics_are_closed_without_a_key_and_prometheus_text_with_it() {
    let demo = Demo::start().await;

    assert_eq!(shell(&demo, &format!("{STATUS} $URL/metrics")), "401");
    let with_key = "curl --silent --fail -H \"X-API-Key: $KEY\" $URL/metrics";
    let found = format!("{with_key} | grep --count http_server_request_duration_seconds");
    assert!(
        shell(&demo, &found)
            .parse::<u32>()
            .is_ok_and(|lines| lines > 3)
    );
}

#[tokio::test]
async fn debug_routes_exist_in_development_only() {
    let demo = Demo::start().await;
    assert_eq!(shell(&demo, &format!("{STATUS} $URL/debug/config")), "200");

    let key = portcullis::api_key::ApiKey::generate("pk").expect("a key");
    let set = [("ENVIRONMENT", "production"), ("API_KEYS", key.expose())];
    let demo = Demo::with(&set);
    assert_eq!(shell(&demo, &format!("{STATUS} $URL/debug/config")), "404");
    assert!(!demo.lines().iter().any(|line| line.contains("demo key")));
    assert!(!shell(&demo, "curl --silent $URL/").contains(key.expose()));
}

#[tokio::test]
async fn a_signal_ends_it_with_a_report() {
    let mut demo = Demo::start().await;
    let id = demo.process().id().to_string();

    let killed = Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let status = demo.process().wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}
