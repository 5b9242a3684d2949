use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use portcullis_core::{Facts, Principal, Rejection};
use portcullis_test::{Body, contract, logged, request, send, service, text};
use subtle::ConstantTimeEq;
use tower::Layer;

use super::{ApiKey, ApiKeyLayer, KeyDigest, KeyRecord, Keys, Lookup};

mod cached;
mod stores;

contract!(
    ApiKeyLayer::new(Keys::default()),
    ApiKeyLayer::off(),
    ApiKeyLayer::new(|_: &str| Lookup::wait(async { Ok::<_, Infallible>(None) })),
);

fn alice() -> (ApiKey, Keys) {
    let key = ApiKey::generate("pk").unwrap();
    let keys = Keys::parse(&format!("alice={}", key.expose())).unwrap();
    (key, keys)
}

fn with(headers: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = request("/");
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn whoami() -> impl portcullis_test::Test {
    service(|request| {
        let principal: Option<&Principal> = Facts::of(request.extensions()).get();
        principal.map_or("nobody", Principal::id).to_owned()
    })
}

async fn get(layer: &ApiKeyLayer, headers: &[(&'static str, &[u8])]) -> Response<Body> {
    send(layer.layer(whoami()), with(headers)).await
}

#[tokio::test]
async fn a_known_key_opens_in_either_header() {
    let (key, keys) = alice();
    let layer = ApiKeyLayer::new(keys);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let bearer = format!("{scheme} {}", key.expose());
        let response = get(&layer, &[("authorization", bearer.as_bytes())]).await;
        assert_eq!(text(response).await, "alice");
    }
    let response = get(&layer, &[("x-api-key", key.expose().as_bytes())]).await;
    assert_eq!(text(response).await, "alice");
}

#[tokio::test]
async fn a_key_is_not_printed_with_the_headers_of_a_public_path_either() {
    let (key, keys) = alice();
    let layer = ApiKeyLayer::new(keys).public(["/"]).unwrap();
    let prints = || service(|request| format!("{:?}", request.headers()));
    let bearer = format!("Bearer {}", key.expose());
    let sent: [&[(&str, &[u8])]; 3] = [
        &[("x-api-key", key.expose().as_bytes())],
        &[("authorization", bearer.as_bytes())],
        &[
            ("x-api-key", b"one"),
            ("x-api-key", key.expose().as_bytes()),
        ],
    ];
    for headers in sent {
        let printed = text(send(layer.layer(prints()), with(headers)).await).await;
        assert!(!printed.contains(key.expose()), "{printed}");
    }
}

#[test]
fn a_variable_that_is_no_text_is_not_printed() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let value = OsString::from_vec(b"pk_secret\xff".to_vec());

    let error = Keys::from_variable("API_KEYS", Some(value)).unwrap_err();
    assert_eq!(error.to_string(), "API_KEYS: is not UTF-8");
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    let (key, keys) = alice();
    let layer = ApiKeyLayer::new(keys);
    let right = key.expose().as_bytes();
    let unknown = ApiKey::generate("pk").unwrap();
    // Right in form, checksum and id.
    let wrong_secret = ApiKey::with_id("pk", key.id());
    let wrong_prefix = ApiKey::with_id("live", key.id());
    let upper = key.expose().to_ascii_uppercase();
    let extended = format!("{}a", key.expose());
    let spaced = format!(" {}", key.expose());
    let basic = format!("Basic {}", key.expose());
    let bare = key.expose();
    let huge = vec![b'a'; 1 << 16];

    let refused: &[&[(&'static str, &[u8])]] = &[
        &[],
        &[("x-api-key", b"")],
        &[("x-api-key", b"pk_")],
        &[("x-api-key", unknown.expose().as_bytes())],
        &[("x-api-key", wrong_secret.expose().as_bytes())],
        &[("x-api-key", wrong_prefix.expose().as_bytes())],
        &[("x-api-key", &right[..right.len() - 1])],
        &[("x-api-key", extended.as_bytes())],
        &[("x-api-key", upper.as_bytes())],
        &[("authorization", spaced.as_bytes())],
        &[("authorization", basic.as_bytes())],
        &[("authorization", bare.as_bytes())],
        &[("authorization", b"Bearer ")],
        &[("x-api-key", b"caf\xe9")],
        &[("x-api-key", &huge)],
        &[("x-api-key", right), ("x-api-key", right)],
        &[("x-api-key", right), ("x-api-key", b"wrong")],
        &[("x-api-key", right), ("authorization", b"Bearer x")],
        &[("cookie", right)],
    ];
    let mut seen = Vec::new();
    for headers in refused {
        let response = get(&layer, headers).await;
        assert_eq!(response.status(), 401, "{headers:?}");
        let (head, body) = response.into_parts();
        assert_eq!(head.headers["www-authenticate"], "Bearer realm=\"api\"");
        assert_eq!(head.headers["cache-control"], "no-store");
        seen.push((head.headers, text(Response::new(body)).await));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn what_is_not_public_is_closed() {
    let (_, keys) = alice();
    let layer = ApiKeyLayer::new(keys).public(["/", "/assets/*"]).unwrap();
    for (path, expected) in [
        ("/", 200),
        ("/assets/a.js", 200),
        ("/api", 401),
        ("/assets/../api", 401),
        ("//", 401),
    ] {
        let status = send(layer.layer(whoami()), request(path)).await.status();
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test]
async fn closures_are_stores() {
    let key = ApiKey::generate("pk").unwrap();
    let record = KeyRecord::new(key.digest(), Principal::new("bob"));
    let id = key.id().to_owned();
    let sent: &[(&'static str, &[u8])] = &[("x-api-key", key.expose().as_bytes())];

    let known = record.clone();
    let at_once = ApiKeyLayer::new(move |asked: &str| (asked == id).then(|| known.clone()));
    let response = send(at_once.layer(whoami()), with(sent)).await;
    assert_eq!(text(response).await, "bob");

    let later = ApiKeyLayer::new(move |_: &str| {
        let record = record.clone();
        Lookup::wait(async move { Ok::<_, Infallible>(Some(record)) })
    });
    let response = send(later.layer(whoami()), with(sent)).await;
    assert_eq!(text(response).await, "bob");
    let refused = send(later.layer(whoami()), with(&[])).await;
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn a_store_that_fails_opens_nothing() {
    let key = ApiKey::generate("pk").unwrap();
    let down = ApiKeyLayer::new(|_: &str| Lookup::wait(async { Err("no route") }));
    let response = send(
        down.layer(whoami()),
        with(&[("x-api-key", key.expose().as_bytes())]),
    )
    .await;

    assert_eq!(response.status(), 503);
    assert!(!text(response).await.contains("no route"));
}

#[tokio::test]
async fn the_key_is_nowhere_to_be_seen() {
    let (key, keys) = alice();
    let secret = key.expose().rsplit_once('_').unwrap().1.to_owned();
    let layer = ApiKeyLayer::new(keys.clone());
    let (lines, responses) = logged(async {
        let logs = service(|request| {
            tracing::info!(headers = ?request.headers(), extensions = ?request.extensions());
            String::new()
        });
        let right = with(&[("x-api-key", key.expose().as_bytes())]);
        let wrong = format!("Bearer {}x", key.expose());
        let wrong = with(&[("authorization", wrong.as_bytes())]);
        [
            send(layer.layer(logs.clone()), right).await,
            send(layer.layer(logs), wrong).await,
        ]
    })
    .await;

    let rejection = responses[1].extensions().get::<Rejection>();
    for seen in [
        lines,
        format!("{responses:?}{rejection:?}"),
        format!("{layer:?}{keys:?}{key:?}{:?}", key.digest()),
    ] {
        assert!(!seen.contains(&secret), "{seen}");
        assert!(!seen.contains(&key.digest().to_hex()), "{seen}");
    }
}

#[test]
fn keys_are_read_from_text() {
    let (first, second) = (
        ApiKey::generate("pk").unwrap(),
        ApiKey::generate("live").unwrap(),
    );
    let stored = format!("bob=sha256:{}:{}", second.id(), second.digest().to_hex());
    let keys = Keys::parse(&format!(
        "# ours\n{} # the first\n\n {stored},",
        first.expose()
    ))
    .unwrap();

    assert_eq!(keys.len(), 2);
    let read = KeyDigest::from_hex(&second.digest().to_hex()).unwrap();
    assert!(bool::from(read.ct_eq(&second.digest())));
}

#[test]
fn keys_are_read_from_a_file() {
    let key = ApiKey::generate("pk").unwrap();
    let name = format!("portcullis-{}-{}", std::process::id(), key.id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, format!("# ours\nalice={}\n", key.expose())).unwrap();
    let keys = Keys::from_file(&path);
    std::fs::remove_file(&path).unwrap();

    assert_eq!(keys.unwrap().len(), 1);
    let missing = Keys::from_file(&path).unwrap_err().to_string();
    assert!(
        missing.starts_with(&path.display().to_string()),
        "{missing}"
    );
    let unset = Keys::from_env("PORTCULLIS_NOT_SET")
        .unwrap_err()
        .to_string();
    assert_eq!(unset, "PORTCULLIS_NOT_SET: is not set");
}

#[test]
fn a_principal_of_an_entry_is_safe_to_log() {
    let key = ApiKey::generate("pk").unwrap();
    let long = "a".repeat(129);
    for name in ["al\u{1b}[31mice", "al\u{7f}ice", &long] {
        let error = Keys::parse(&format!("{name}={}", key.expose())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "API keys: entry 1: a principal is 1 to 128 bytes without control characters"
        );
    }
    assert!(Keys::parse(&format!("alice={}", key.expose())).is_ok());
}

#[test]
fn every_wrong_entry_is_named_by_its_number_and_never_printed() {
    let key = ApiKey::generate("pk").unwrap();
    let without_checksum = &key.expose()[..key.expose().len() - 6];
    let text = format!(
        "{without_checksum},{key},{key},sha256:x,sha256:x:12",
        key = key.expose()
    );
    let error = Keys::parse(&text).unwrap_err().to_string();

    assert_eq!(
        error,
        format!(
            "API keys: entry 1: not an API key, or one with a wrong checksum; \
             API keys: entry 3: duplicate id {}; \
             API keys: entry 4: a digest reads sha256:ID:HEX; \
             API keys: entry 5: a digest has 64 hexadecimal digits",
            key.id()
        )
    );
    assert_eq!(
        Keys::parse(" # nothing\n").unwrap_err().to_string(),
        "API keys: no key"
    );
}
