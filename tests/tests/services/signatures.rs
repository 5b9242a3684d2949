//! Message signatures beside an independent implementation: PyPI's `http-message-signatures`, in both
//! directions.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::{
    Principal,
    body_limit::RequestBody,
    signature::{
        MemoryReplays, SignatureKeys, SignatureLayer, SignaturePolicy, Signer, SigningKey,
    },
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

type Body = Full<Bytes>;

/// The key of one algorithm, as each side has it.
struct Keys {
    algorithm: &'static str,
    signing: SigningKey,
    private: String,
    public: String,
}

const SECRET: &str = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";

fn keys() -> [Keys; 3] {
    let pem = |algorithm, private: &str, public: &str| Keys {
        algorithm,
        signing: SigningKey::from_pem(private).unwrap(),
        private: private.to_owned(),
        public: public.to_owned(),
    };
    [
        Keys {
            algorithm: "hmac-sha256",
            signing: SigningKey::hmac_sha256(SECRET).unwrap(),
            private: BASE64_STANDARD.encode(SECRET),
            public: String::new(),
        },
        pem("ed25519", ED25519, ED25519_PUBLIC),
        pem("ecdsa-p256-sha256", P256, P256_PUBLIC),
    ]
}

/// Python with the package: what `cargo xtask test` installs, or the system's.
fn python() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = root.join("target/tools/python/bin/python3");
    let pythons = [own.display().to_string(), "python3".to_owned()];
    let has_package = |python: &String| {
        let mut import = Command::new(python);
        import.args(["-c", "import http_message_signatures, requests"]);
        import.stderr(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    };
    let found = pythons.into_iter().find(has_package);
    if found.is_none() {
        eprintln!(
            "skipped: no Python with http-message-signatures and requests; `cargo xtask test tests` installs it"
        );
    }
    found
}

/// Runs the script. Returns what it says, if it succeeds.
fn run(python: &str, what: &str, told: &Value) -> Option<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/signatures.py");
    let mut command = Command::new(python);
    command.args([script, what]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut script = command.spawn().unwrap();
    let mut stdin = script.stdin.take().unwrap();
    stdin.write_all(told.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = script.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).ok()
}

fn request(url: &str, headers: &[(String, String)], body: &str) -> Request<Body> {
    let request = Request::post(url);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn status(layer: &SignatureLayer, request: Request<Body>) -> u16 {
    let reads = service_fn(|request: Request<RequestBody<Body>>| async {
        let is_read = request.into_body().collect().await.is_ok();
        let status = if is_read { 200 } else { 500 };
        let response = Response::builder().status(status).body(Body::default());
        Ok::<_, Infallible>(response.unwrap())
    });
    let response = layer.layer(reads).oneshot(request).await.unwrap();
    response.status().as_u16()
}

const URL: &str = "https://example.com:8443/orders%20a?id=7&to=bob";
const BODY: &str = "{\"to\": \"bob\"}";

#[tokio::test]
async fn what_python_signs_is_admitted_once_and_unchanged() {
    let Some(python) = python() else {
        return;
    };
    for keys in keys() {
        let told = json!({
            "method": "POST", "url": URL, "body": BODY,
            "headers": [["content-type", "application/json"]],
            "algorithm": keys.algorithm, "key": keys.private,
        });
        let signed = run(&python, "sign", &told).unwrap();
        let headers: Vec<(String, String)> = serde_json::from_value(signed).unwrap();
        let key = keys.signing.verifying_key(Principal::new("python"));
        let store = SignatureKeys::new().and("key-1", key);
        let policy = SignaturePolicy::new().single_use(MemoryReplays::new(10));
        let layer = SignatureLayer::try_new(store, policy).unwrap();

        let other_body = request(URL, &headers, "{\"to\": \"eve\"}");
        let other_path = request(&URL.replace("orders", "admin"), &headers, BODY);
        assert_eq!(status(&layer, other_path).await, 401, "{}", keys.algorithm);
        assert_eq!(
            status(&layer, request(URL, &headers, BODY)).await,
            200,
            "{}",
            keys.algorithm
        );
        assert_eq!(
            status(&layer, request(URL, &headers, BODY)).await,
            401,
            "a nonce is used once"
        );
        assert_eq!(status(&layer, other_body).await, 401);
    }
}

#[test]
fn python_verifies_what_is_signed_here() {
    let Some(python) = python() else {
        return;
    };
    for keys in keys() {
        let (mut head, ()) = Request::post(URL).body(()).unwrap().into_parts();
        head.headers
            .insert("content-type", "application/json".parse().unwrap());
        let signer = Signer::try_new("key-1", keys.signing).unwrap().nonce(true);
        let signer = signer
            .expires_in(std::time::Duration::from_secs(60))
            .tag("tests")
            .unwrap();
        signer.sign(&mut head, Some(BODY.as_bytes())).unwrap();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), text(value)]));
        let headers: Vec<_> = headers.collect();
        let key = if keys.public.is_empty() {
            &keys.private
        } else {
            &keys.public
        };
        let told = |body: &str| {
            json!({
                "method": "POST", "url": URL, "body": body, "headers": headers,
                "algorithm": keys.algorithm, "key": key,
            })
        };

        let covered = run(&python, "verify", &told(BODY)).unwrap();
        let names = "\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"@signature-params\"";
        let names: Vec<&str> = names.split(' ').collect();
        assert_eq!(covered, json!([names]), "{}", keys.algorithm);
        assert_eq!(run(&python, "verify", &told("{}")), None, "another body");
    }
}

/// Keys of Appendix B.1.4 of RFC 9421, and made for these tests.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";
const ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";
const P256: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge/FIfB7b/HWPV1PD
lxN7KyVCg1uTIYWLwDL4NofxZuehRANCAAQWtdRPHSWt+TES+iprDXyAY7nFfjdZ
xXhz5GMnGmfQADp6GBQD3HCV9jxYCpOS6lhdN8MRYADpmnnB6pqN1UM6
-----END PRIVATE KEY-----
";
const P256_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFrXUTx0lrfkxEvoqaw18gGO5xX43
WcV4c+RjJxpn0AA6ehgUA9xwlfY8WAqTkupYXTfDEWAA6Zp5weqajdVDOg==
-----END PUBLIC KEY-----
";
