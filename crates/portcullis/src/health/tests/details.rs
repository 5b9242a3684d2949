//! Who sees what.

use bytes::Bytes;
use http::{Request, Response, header};
use portcullis_core::{ClientIp, Facts, Secret};
use portcullis_test::Body;

use super::*;

const TOKEN: &str = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";

async fn unwell() -> Health {
    let health = Health::new().check("db", || ready(Err::<(), _>("no route to 10.0.0.5")));
    health.settled().await;
    health
}

async fn ask(health: &Health, request: Request<Body>) -> (Response<()>, String) {
    let response = send(health.layer().layer(echo()), request).await;
    let (head, body) = response.into_parts();
    let body = text(Response::new(body)).await;
    (Response::from_parts(head, ()), body)
}

fn with(path: &str, name: header::HeaderName, value: &str) -> Request<Body> {
    let mut request = request(path);
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn from(address: &str) -> Request<Body> {
    let mut request = request("/health?verbose");
    let client = ClientIp(address.parse().unwrap());
    Facts::of_mut(request.extensions_mut()).set(client);
    request
}

const ONLY_A_STATUS: &str = r#"{"status":"unhealthy"}"#;

#[tokio::test(start_paused = true)]
async fn everybody_sees_only_a_status() {
    let health = unwell().await;

    for (path, expected) in [
        ("/health", ONLY_A_STATUS),
        ("/health?verbose", ONLY_A_STATUS),
        ("/ready?verbose=1", r#"{"status":"not ready"}"#),
    ] {
        let (_, body) = ask(&health, request(path)).await;
        assert_eq!(body, expected, "{path}");
    }
    health.drain();
    assert_eq!(
        ask(&health, request("/ready")).await.1,
        r#"{"status":"not ready"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn names_that_are_shown_to_everybody_are_no_reasons() {
    let health = unwell().await.show_checks();

    for path in ["/health?verbose", "/ready?verbose"] {
        let (_, body) = ask(&health, request(path)).await;
        assert!(body.contains(r#""checks":{"db":"failing"}"#), "{body}");
        assert!(!body.contains("10.0.0.5"), "{body}");
    }
    let draft = with("/health?verbose", header::ACCEPT, "application/health+json");
    let (_, body) = ask(&health, draft).await;
    let expected = r#"{"status":"fail","output":"db: failing","checks":{"db:responseTime":[{"status":"fail"}]}}"#;
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn verbose_is_for_those_who_may_see() {
    let health = unwell()
        .await
        .details_to_token(Secret::try_new(TOKEN).unwrap());
    let given = |value: &str| with("/health?verbose", header::AUTHORIZATION, value);

    let (head, body) = ask(&health, given(&format!("bearer {TOKEN}"))).await;
    let expected = r#"{"status":"unhealthy","reason":"db: failing","checks":{"db":{"status":"failing","impact":"critical","reason":"no route to 10.0.0.5","took_ms":0,"runs":1,"failures":1}}}"#;
    assert_eq!((head.status().as_u16(), &*body), (503, expected));
    assert_eq!(head.headers()["vary"], "accept, authorization");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        &format!("Basic  {TOKEN}"),
        &format!("Bearer {}", &TOKEN[1..]),
        &format!("Bearer {TOKEN}2"),
        &format!("Bearer {}", TOKEN.to_lowercase()),
    ] {
        assert_eq!(ask(&health, given(wrong)).await.1, ONLY_A_STATUS, "{wrong}");
    }
    let mut twice = given(&format!("Bearer {TOKEN}"));
    twice
        .headers_mut()
        .append(header::AUTHORIZATION, "x".parse().unwrap());
    assert_eq!(ask(&health, twice).await.1, ONLY_A_STATUS);
}

#[tokio::test(start_paused = true)]
async fn networks_and_closures_choose_who_sees() {
    let networks = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    let health = unwell().await.details_to_networks(networks);
    for (address, sees) in [("10.1.2.3", true), ("::1", true), ("192.0.2.1", false)] {
        let (_, body) = ask(&health, from(address)).await;
        assert_eq!(body.contains("no route"), sees, "{address}: {body}");
    }
    assert_eq!(
        ask(&health, request("/health?verbose")).await.1,
        ONLY_A_STATUS
    );

    let health = unwell()
        .await
        .details_if(|head| head.headers.contains_key("x-operator"));
    let operator = with("/health", "x-operator".parse().unwrap(), "1");
    let expected = r#"{"status":"unhealthy","reason":"db: failing","checks":{"db":"failing"}}"#;
    assert_eq!(ask(&health, operator).await.1, expected);
}

#[test]
fn details_for_everybody_by_their_network_are_refused() {
    let health = Health::new().details_to_networks(["0.0.0.0/0".parse().unwrap()]);
    let error = crate::Edge::new().health(&health).build().unwrap_err();

    assert_eq!(
        error.to_string(),
        "health: details for the network of everybody"
    );
}

#[tokio::test(start_paused = true)]
async fn who_prefers_the_drafts_form_gets_it() {
    let health = unwell()
        .await
        .add_check(Check::new("mail", ok).advisory())
        .details_if(|_| true);
    health.settled().await;
    let (head, body) = ask(
        &health,
        with(
            "/health",
            header::ACCEPT,
            "application/json;q=0.5, application/health+json",
        ),
    )
    .await;

    assert_eq!(head.headers()["content-type"], "application/health+json");
    let body: serde_json::Value = serde_json::from_slice(&Bytes::from(body)).unwrap();
    assert_eq!(
        (&body["status"], &body["output"]),
        (&"fail".into(), &"db: failing".into())
    );
    let [db, mail] = ["db:responseTime", "mail:responseTime"].map(|key| &body["checks"][key][0]);
    assert_eq!(
        (&db["status"], &db["output"]),
        (&"fail".into(), &"no route to 10.0.0.5".into())
    );
    assert_eq!(mail["status"], "pass");
    assert!(mail.get("output").is_none(), "{mail}");
    assert_eq!(mail["observedUnit"], "ms");
    let time = mail["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    for accept in [
        "*/*",
        "application/*",
        "application/health+json;q=0",
        "text/html",
        "application/json, application/health+json;q=0.9",
    ] {
        let (head, _) = ask(&health, with("/health", header::ACCEPT, accept)).await;
        assert_eq!(
            head.headers()["content-type"],
            "application/json",
            "{accept}"
        );
    }
}
