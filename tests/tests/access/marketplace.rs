//! A marketplace: people log in, read a feed, post, upload pictures and stay connected.

#![expect(clippy::unwrap_used, reason = "tests")]

mod load;

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::{WebSocketUpgrade, ws::WebSocket},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use portcullis::{
    ConfigError, Principal, Quota, Rejection, RejectionKind, Secret, Slot,
    body_limit::{BodyLimit, BodyLimitLayer},
    cors::Cors,
    cross_site::CrossSite,
    jwt::{Jwt, JwtKey},
    lockout::Lockout,
};
use portcullis_axum::{EdgeLayer, Fact, Refused};
use portcullis_tests::net::{Answer, Client, Server, request};

/// What the service is told at start.
pub(super) struct Config<'c> {
    pub(super) is_production: bool,
    pub(super) token_secret: Option<&'c str>,
    pub(super) origins: &'c [&'c str],
    /// For each address.
    pub(super) quota: Quota,
}

// ===== impl Config =====

impl Config<'_> {
    const PRODUCTION: Config<'static> = Config {
        is_production: true,
        token_secret: Some(SECRET),
        origins: &["https://market.example"],
        quota: Quota::per_second(10).burst(50),
    };

    /// Everything that is wrong, at once.
    fn secret(&self) -> Result<Secret, ConfigError> {
        match self.token_secret {
            Some(secret) => Secret::try_new(secret).map_err(|error| error.of("TOKEN_SECRET")),
            None if self.is_production => Err(ConfigError::new(
                "TOKEN_SECRET: in production it must be set",
            )),
            None => Secret::try_new(rand_text()),
        }
    }

    pub(super) fn app(&self) -> Result<Router, ConfigError> {
        let secret = self.secret();
        let cors = Cors::builder(self.origins)
            .methods(["GET", "POST"])
            .request_headers(["authorization", "content-type"])
            .credentials(true)
            .build();
        let problems = [secret.as_ref().err(), cors.as_ref().err()];
        let problems = problems
            .into_iter()
            .flatten()
            .flat_map(ConfigError::problems);
        ConfigError::check(problems.map(str::to_owned).collect())?;
        let (secret, cors) = (secret?, cors?);
        let edge = self.edge(&secret, cors)?;
        let upload = BodyLimit::new(64 << 10).content_types(["image/png", "image/jpeg"])?;
        let secret = std::sync::Arc::new(secret);
        Ok(Router::new()
            .route("/login", post(move |body| login(secret.clone(), body)))
            .route("/feed", get(|| async { "the feed" }))
            .route("/posts", post(posted))
            .route(
                "/upload",
                post(upload_picture).layer(BodyLimitLayer::from(upload)),
            )
            .route("/live", get(live))
            .layer(edge))
    }

    fn edge(&self, secret: &Secret, cors: Cors) -> Result<EdgeLayer, ConfigError> {
        let key = JwtKey::hs256("market", secret.expose())?;
        let lockout = Lockout::default();
        let logins = lockout.logins(["POST /login"])?;
        portcullis_axum::edge()
            .cross_site(CrossSite::new().trust_cors(&cors)?)
            .cors(cors)
            .rate_limit(self.quota)
            .jwt(Jwt::new("market", ["market"], key)?)
            .lockout(lockout)
            .public(["POST /login"])
            .guard(Slot::Authorization, logins)
            .build()
    }
}

fn rand_text() -> String {
    let key = portcullis::api_key::ApiKey::generate("dev").unwrap();
    key.expose().to_owned()
}

/// A token for `NAME:right`, as a log-in would give it.
async fn login(secret: std::sync::Arc<Secret>, body: String) -> Response {
    match body.split_once(':') {
        Some((name, "right")) => token(&secret, name).into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn token(secret: &Secret, name: &str) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let head = encode(br#"{"alg":"HS256","kid":"market"}"#);
    let claims = format!(r#"{{"iss":"market","aud":"market","sub":"{name}","exp":4102444800}}"#);
    let signed = format!("{head}.{}", encode(claims.as_bytes()));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.expose()).unwrap();
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", encode(&signature))
}

async fn posted(Fact(who): Fact<Principal>, text: String) -> String {
    format!("{}: {text}", who.id())
}

/// The type is what the bytes say, not what the client says.
async fn upload_picture(body: Bytes) -> Result<&'static str, Refused> {
    if body.starts_with(b"\x89PNG\r\n\x1a\n") || body.starts_with(b"\xff\xd8\xff") {
        return Ok("stored");
    }
    let rejection = Rejection::new(RejectionKind::UnsupportedMediaType);
    Err(Refused(
        rejection.with_detail("These bytes are no picture."),
    ))
}

async fn live(upgrade: WebSocketUpgrade, Fact(who): Fact<Principal>) -> Response {
    upgrade.on_upgrade(move |mut socket: WebSocket| async move {
        let hello = axum::extract::ws::Message::text(who.id());
        if socket.send(hello).await.is_ok() {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        }
    })
}

async fn start() -> (Server, Client) {
    let server = Server::start(Config::PRODUCTION.app().unwrap()).await;
    let client = Client::http1(server.address()).await;
    (server, client)
}

async fn send(client: &mut Client, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = request(path, headers);
    *request.method_mut() = http::Method::POST;
    *request.body_mut() = Bytes::copy_from_slice(body).into();
    client.ask(request).await
}

async fn bearer(client: &mut Client) -> String {
    let answer = send(client, "/login", &[], b"alice:right").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    format!("Bearer {}", answer.text)
}

const SECRET: &str = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";

#[tokio::test]
async fn five_wrong_passwords_lock_out() {
    let (server, mut client) = start().await;
    for _ in 0..5 {
        let answer = send(&mut client, "/login", &[], b"alice:wrong").await;
        assert_eq!(answer.status, 401);
    }
    let answer = send(&mut client, "/login", &[], b"alice:right").await;

    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.header("retry-after"), "60");
    let mut neighbour = Client::http1_from([127, 0, 0, 2], server.address()).await;
    bearer(&mut neighbour).await;
}

#[test]
fn a_secret_that_is_none_stops_production_and_says_which() {
    let start = |token_secret, is_production| {
        let config = Config {
            token_secret,
            is_production,
            ..Config::PRODUCTION
        };
        config.app().map(drop)
    };
    for (secret, problem) in [
        (None, "TOKEN_SECRET: in production it must be set"),
        (
            Some("short"),
            "TOKEN_SECRET: a secret has at least 32 bytes, this has 5",
        ),
        (
            Some("dev-secret-change-me-in-production-please"),
            "TOKEN_SECRET: a secret is random, this is a default of examples (change-me)",
        ),
    ] {
        assert_eq!(start(secret, true).unwrap_err().to_string(), problem);
    }
    start(None, false).unwrap();
    start(Some(SECRET), true).unwrap();
    let both = Config {
        token_secret: Some("short"),
        origins: &["*"],
        ..Config::PRODUCTION
    };
    let problems = both.app().unwrap_err();
    assert_eq!(problems.problems().count(), 2, "{problems}");
}

#[tokio::test]
async fn a_post_that_another_site_sends_is_refused() {
    let (_server, mut client) = start().await;
    let bearer = bearer(&mut client).await;
    let authorized = ("authorization", bearer.as_str());
    let foreign = [
        authorized,
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    let answer = send(&mut client, "/posts", &foreign, b"spam").await;

    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let own = [
        authorized,
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://market.example"),
    ];
    let answer = send(&mut client, "/posts", &own, b"hello").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.text),
        (200, "alice: hello")
    );
    let answer = send(&mut client, "/posts", &[authorized], b"no browser").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn only_the_sites_of_production_may_read() {
    let (_server, mut client) = start().await;
    let mut preflight = async |origin| {
        let mut request = request(
            "/posts",
            &[
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization"),
            ],
        );
        *request.method_mut() = http::Method::OPTIONS;
        client.ask(request).await
    };

    let allowed = preflight("https://market.example").await;
    assert_eq!(allowed.status, 204, "{allowed:?}");
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://market.example"
    );
    for origin in [
        "http://localhost:3000",
        "https://market.example.evil.example",
    ] {
        let refused = preflight(origin).await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    // A script of ours can read that its token is wrong.
    let headers = [("origin", "https://market.example")];
    let refused = client.ask(request("/feed", &headers)).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        "https://market.example"
    );
}

#[tokio::test]
async fn an_upload_has_a_size_a_type_and_the_bytes_of_it() {
    let (_server, mut client) = start().await;
    let bearer = bearer(&mut client).await;
    let png = b"\x89PNG\r\n\x1a\n and the rest";
    let mut large = png.to_vec();
    large.resize((64 << 10) + 1, 0);
    let mut upload = async |kind: &str, body: &[u8]| {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        send(&mut client, "/upload", &headers, body)
            .await
            .status
            .as_u16()
    };

    assert_eq!(upload("image/png", png).await, 200);
    assert_eq!(upload("image/png", &large).await, 413);
    assert_eq!(upload("text/html", png).await, 415);
    assert_eq!(upload("image/png", b"<script>alert(1)</script>").await, 415);
    let headers = [("content-type", "image/png")];
    assert_eq!(
        send(&mut client, "/upload", &headers, png).await.status,
        401
    );
}

/// Ten times what a person needs: for what is no test of limits.
const ENOUGH: Duration = Duration::from_secs(10);
