//! Secrets go through everything, and are nowhere to be seen.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fmt::Debug,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor};
use portcullis::{
    AnyOf, Principal, Secret, Slot,
    api_key::{ApiKey, ApiKeyGuard, KeyHasher, KeyRecord, KeySecret, Keys},
    audit::{Audit, AuditEvent, EventSink, OnFull},
    jwt::{Jwt, JwtKey},
    lockout::Lockout,
    require::Require,
    signature::{SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey},
};
use portcullis_otel::{Sampling, Tracing};
use portcullis_prometheus::Metrics;
use portcullis_tests::net::{Client, Server, request};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

/// What must not be seen: all pieces of so many characters count.
struct Secrets(Vec<(&'static str, String)>);

/// Text that several write.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

// ===== impl Secrets =====

impl Secrets {
    fn assert_not_in(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            let pieces = secret.as_bytes().windows(PIECE);
            let found = pieces.filter(|piece| {
                let piece = std::str::from_utf8(piece).unwrap();
                text.contains(piece)
            });
            assert_eq!(found.count(), 0, "the {name} is in {place}: {text}");
        }
    }
}

// ===== impl Text =====

impl Text {
    fn get(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Text {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Keeps events as the lines of a file would be.
impl EventSink for Text {
    fn write(&mut self, events: &[AuditEvent]) -> std::io::Result<()> {
        for event in events {
            writeln!(self, "{} {event:?}", event.to_json())?;
        }
        Ok(())
    }
}

/// A token of HS256.
fn token(secret: &str, claims: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(br#"{"alg":"HS256","kid":"k"}"#),
        encode(claims.as_bytes())
    );
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", encode(&signature))
}

/// Keys, tokens and signatures, right and wrong.
struct Cast {
    pepper: Secret,
    key: ApiKey,
    /// The secret is another.
    other: ApiKey,
    expired: ApiKey,
    good: String,
    stale: String,
    forged: String,
}

impl Cast {
    fn new() -> Self {
        let key = |id| ApiKey::generate_with_id("pk", id).unwrap();
        Self {
            pepper: Secret::try_new("Pq8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc").unwrap(),
            key: key("alice"),
            other: key("alice"),
            expired: key("old"),
            good: token(
                HS256,
                r#"{"iss":"i","aud":"a","sub":"bob","exp":4102444800}"#,
            ),
            stale: token(HS256, r#"{"iss":"i","aud":"a","sub":"bob","exp":1}"#),
            forged: token(
                HMAC,
                r#"{"iss":"i","aud":"a","sub":"eve","exp":4102444800}"#,
            ),
        }
    }

    fn hasher(&self) -> KeyHasher {
        KeyHasher::hmac_sha256(&self.pepper)
    }

    fn record(&self) -> KeyRecord {
        let expired = KeySecret::new(self.expired.digest_by(&self.hasher())).expires(1);
        KeyRecord::try_new(Principal::new("old"), [expired]).unwrap()
    }

    fn keys(&self) -> Keys {
        let keys = Keys::with_pepper(&self.pepper).and("alice", &self.key);
        keys.insert("old", self.record()).unwrap();
        keys
    }

    fn secrets(&self) -> Secrets {
        let of_key = |key: &ApiKey| key.expose().rsplit_once('_').unwrap().1.to_owned();
        let of_token = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
        let pepper = self.pepper.expose().to_vec();
        Secrets(vec![
            ("pepper", String::from_utf8(pepper).unwrap()),
            ("secret of tokens", HS256.to_owned()),
            ("secret of signatures", HMAC.to_owned()),
            ("key", of_key(&self.key)),
            ("wrong key", of_key(&self.other)),
            ("expired key", of_key(&self.expired)),
            ("token", of_token(&self.good)),
            ("expired token", of_token(&self.stale)),
            ("forged token", of_token(&self.forged)),
            ("digest", self.key.digest_by(&self.hasher()).to_hex()),
            ("plain digest", self.key.digest().to_hex()),
        ])
    }

    /// Requests of every kind.
    fn requests(&self) -> Vec<http::Request<Full<Bytes>>> {
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let key = |key: &ApiKey| ("x-api-key", key.expose().to_owned());
        let mangled = ("x-api-key", format!("{}0", self.key.expose()));
        let sent = [
            ("/", key(&self.key)),
            ("/admin", key(&self.key)),
            ("/panic", key(&self.key)),
            ("/", bearer(&self.good)),
            ("/panic", bearer(&self.good)),
            ("/", key(&self.expired)),
            ("/", bearer(&self.stale)),
            ("/", mangled),
            ("/", key(&self.other)),
            ("/", bearer(&self.forged)),
        ];
        let headed = sent.map(|(path, (name, value))| request(path, &[(name, &value)]));
        let signer = Signer::try_new("key-1", SigningKey::hmac_sha256(HMAC).unwrap()).unwrap();
        let signed = ["/", "/admin"].map(|path| {
            let (mut head, _) = request(path, &[]).into_parts();
            head.method = http::Method::POST;
            signer.sign(&mut head, Some(b"body")).unwrap();
            http::Request::from_parts(head, Full::new(Bytes::from_static(b"body")))
        });
        let (name, value) = key(&self.other);
        let more = [(); 4].map(|()| request("/", &[(name, &value)]));
        headed.into_iter().chain(signed).chain(more).collect()
    }
}

/// Where things are seen.
struct Sinks {
    events: Text,
    lines: Text,
    exporter: InMemorySpanExporter,
    audit: Audit,
    metrics: Metrics,
    tracing: Tracing,
}

impl Sinks {
    fn new() -> Self {
        let (events, exporter) = (Text::default(), InMemorySpanExporter::default());
        let processor = SimpleSpanProcessor::new(exporter.clone());
        Self {
            audit: Audit::new(events.clone(), OnFull::Drop).unwrap(),
            events,
            lines: Text::default(),
            exporter,
            metrics: Metrics::new(),
            tracing: Tracing::new(processor, Sampling::always()),
        }
    }
}

/// The guards, to be used and to be printed.
struct Guards {
    keys: ApiKeyGuard,
    tokens: Jwt,
    signatures: SignatureGuard,
    lockout: Lockout,
}

impl Guards {
    fn new(cast: &Cast) -> Self {
        let verifying = SigningKey::hmac_sha256(HMAC).unwrap();
        let verifying = verifying.verifying_key(Principal::new("carol"));
        let signatures = SignatureKeys::new().and("key-1", verifying);
        Self {
            keys: ApiKeyGuard::new(cast.keys()),
            tokens: Jwt::new("i", ["a"], JwtKey::hs256("k", HS256).unwrap()).unwrap(),
            signatures: SignatureGuard::try_new(signatures, SignaturePolicy::new()).unwrap(),
            lockout: Lockout::default(),
        }
    }

    fn any(&self) -> AnyOf {
        AnyOf::new()
            .or(self.keys.clone())
            .or(self.tokens.clone())
            .or(self.signatures.clone())
    }
}

async fn say(request: Request) -> String {
    tracing::info!(?request, "whole");
    format!("{request:?}")
}

async fn panics(request: Request) -> String {
    if request.uri().path() == "/panic" {
        panic!("{request:?}");
    }
    String::new()
}

/// A server, and what its edge prints.
async fn start(guards: &Guards, sinks: &Sinks) -> (Server, String) {
    let admins = Require::scopes("admin").unwrap().on(["/admin"]).unwrap();
    let edge = portcullis_axum::edge()
        .guard(Slot::Authentication, guards.lockout.around(guards.any()))
        .require(admins)
        .observe(sinks.tracing.clone())
        .observe(sinks.metrics.clone())
        .observe(sinks.audit.clone())
        .build()
        .unwrap();
    let printed = format!("{edge:?} {:#}", edge.explain());
    let routes = Router::new()
        .route("/", get(say).post(say))
        .route("/admin", get(say).post(say))
        .route("/panic", get(panics))
        .layer(edge);
    (Server::start(routes).await, printed)
}

#[tokio::test]
async fn a_secret_is_nowhere_to_be_seen() {
    let (cast, sinks) = (Cast::new(), Sinks::new());
    let (guards, secrets) = (Guards::new(&cast), cast.secrets());
    let layer = tracing_subscriber::fmt::layer().with_ansi(false);
    let layer = layer.with_writer(sinks.lines.clone());
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let (server, printed) = start(&guards, &sinks).await;
    let mut client = Client::http1(server.address()).await;
    let (mut statuses, mut answers) = (Vec::new(), String::new());
    for request in cast.requests() {
        let answer = client.ask(request).await;
        statuses.push(answer.status.as_u16());
        answers += &format!("{answer:?}\n");
    }
    sinks.tracing.flush();
    sinks.audit.flush(Duration::from_secs(5)).await.unwrap();

    let expected = [
        200, 403, 500, 200, 500, 401, 401, 401, 401, 401, 200, 403, 401, 401, 429, 429,
    ];
    assert_eq!(statuses, expected);
    let spans = format!("{:?}", sinks.exporter.get_finished_spans().unwrap());
    let (lines, events) = (sinks.lines.get(), sinks.events.get());
    assert!(spans.len() > 1000 && lines.contains("whole") && lines.contains("panic"));
    assert!(events.contains("wrong_secret") && events.contains("locked_out"));
    secrets.assert_not_in("a response", &answers);
    secrets.assert_not_in("a span", &spans);
    secrets.assert_not_in("the log", &lines);
    secrets.assert_not_in("the audit log", &events);
    secrets.assert_not_in("the metrics", &sinks.metrics.encode());
    secrets.assert_not_in("what the edge prints", &printed);
}

#[test]
fn nothing_prints_a_secret() {
    let (cast, sinks) = (Cast::new(), Sinks::new());
    let (guards, secrets) = (Guards::new(&cast), cast.secrets());
    let signing = SigningKey::hmac_sha256(HMAC).unwrap();
    let verifying = signing.verifying_key(Principal::new("carol"));
    let signer = Signer::try_new("key-1", signing.clone()).unwrap();
    let locked = guards.lockout.around(guards.any());
    let printed: [&dyn Debug; 19] = [
        &cast.pepper,
        &cast.hasher(),
        &cast.key,
        &cast.key.digest(),
        &cast.keys(),
        &cast.record(),
        &guards.keys,
        &guards.tokens,
        &guards.signatures,
        &guards.lockout,
        &locked,
        &JwtKey::hs256("k", HS256).unwrap(),
        &signing,
        &SignatureKeys::new().and("key-1", verifying.clone()),
        &verifying,
        &signer,
        &sinks.audit,
        &sinks.metrics,
        &sinks.tracing,
    ];
    for value in printed {
        secrets.assert_not_in("what Debug prints", &format!("{value:?} {value:#?}"));
    }
}

#[test]
#[should_panic(expected = "the key is in a text")]
fn a_piece_of_a_secret_is_found() {
    let cast = Cast::new();
    let text = &cast.key.expose()[20..40];

    cast.secrets().assert_not_in("a text", text);
}

const HS256: &str = "Tq8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yd";
const HMAC: &str = "Sq9Km3Ys6Um1Xv8My5Ce2Hg7Jt4Lr0Zd";
/// Of a secret, in characters: shorter ones are in random IDs by chance.
const PIECE: usize = 12;
