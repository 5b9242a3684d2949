//! Tokens and signatures of every kind of key, against the guards of `portcullis`.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use portcullis::{
    Principal,
    body_limit::RequestBody,
    jwt::{Jwt, JwtKey, JwtLayer},
    signature::{MemoryReplays, SignatureKeys, SignatureLayer, SignaturePolicy, SigningKey},
};
use portcullis_siege::{Profile, Report, assault};
use tower::{Layer, service_fn};

type Answer = Result<Response<Full<Bytes>>, Infallible>;

async fn attack_tokens(key: JwtKey, own: &str) -> Report {
    let jwt = Jwt::new("https://issuer.example", ["api"], key).unwrap();
    let served = service_fn(|_: Request<Incoming>| async { Answer::Ok(Response::default()) });
    let profile = format!(
        "[tokens]\nroute = '/'\nissuer = 'https://issuer.example'\naudience = 'api'\n{own}"
    );
    let service = JwtLayer::new(jwt).layer(served);
    let siege = assault(service).profile(Profile::parse(&profile).unwrap());
    siege.only(["F"]).await
}

async fn attack_signatures(key: SigningKey, own: &str) -> Report {
    let keys = SignatureKeys::new().and("siege", key.verifying_key(Principal::new("siege")));
    let policy = SignaturePolicy::new().single_use(MemoryReplays::new(10_000));
    let reads = service_fn(|request: Request<RequestBody<Incoming>>| async {
        let read = request.into_body().collect().await;
        let status = if read.is_ok() { 200 } else { 400 };
        Answer::Ok(
            Response::builder()
                .status(status)
                .body(Full::default())
                .unwrap(),
        )
    });
    let profile = format!("[signatures]\nroute = '/signed?a=b'\nkey_id = 'siege'\n{own}");
    let layer = SignatureLayer::try_new(keys, policy).unwrap();
    let siege = assault(layer.layer(reads)).profile(Profile::parse(&profile).unwrap());
    siege.only(["G"]).await
}

/// Everything is held but what is told not to be tested.
fn assert_held(report: &Report, not_tested: &[&str]) {
    report.assert_held();
    let open = report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.verdict.is_held());
    let open: Vec<_> = open.map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(open, not_tested, "{}", report.to_text(false));
}

#[tokio::test]
async fn tokens_of_a_shared_secret() {
    let key = JwtKey::hs256("k", SECRET).unwrap();

    let report = attack_tokens(key, &format!("kid = 'k'\nhs256 = '{SECRET}'")).await;

    // It has no public half.
    assert_held(&report, &["F02"]);
}

#[tokio::test]
async fn tokens_of_ed25519() {
    let key = JwtKey::from_jwk(ED25519_JWK).unwrap();

    let report = attack_tokens(key, &format!("key = \"\"\"\n{ED25519}\n\"\"\"")).await;

    assert_held(&report, &[]);
}

#[tokio::test]
async fn tokens_of_rsa() {
    let key = JwtKey::from_jwk(RSA_JWK).unwrap();
    let file = std::env::temp_dir().join(format!("siege-rsa-{}.pem", std::process::id()));
    std::fs::write(&file, RSA).unwrap();

    let own = format!("kid = 'rsa'\nkey_file = '{}'", file.display());
    let report = attack_tokens(key, &own).await;

    std::fs::remove_file(&file).unwrap();
    assert_held(&report, &[]);
}

#[tokio::test]
async fn signatures_of_a_shared_secret() {
    let key = SigningKey::hmac_sha256(SECRET).unwrap();

    let report = attack_signatures(key, &format!("hmac_sha256 = '{SECRET}'")).await;

    assert_held(&report, &[]);
}

#[tokio::test]
async fn signatures_of_ed25519() {
    let key = SigningKey::from_pem(ED25519).unwrap();

    let report = attack_signatures(key, &format!("key = \"\"\"\n{ED25519}\n\"\"\"")).await;

    assert_held(&report, &[]);
}

/// What does not fit is told before the first attack, and never as a breach.
#[tokio::test]
async fn a_wrong_key_is_not_tested() {
    let key = JwtKey::hs256("k", SECRET).unwrap();

    let report = attack_tokens(key, "hs256 = 'another-secret-of-more-than-32-bytes'").await;

    assert_eq!(report.breaches().count(), 0);
    let why = report.outcomes.iter().map(|outcome| outcome.verdict.text());
    for why in why {
        assert!(
            why.contains("a right token does not open /: it answers 401"),
            "{why}"
        );
    }
}

const SECRET: &str = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEZ2DIpv3e6Fu6iZJiGk1NhTRnGbRcfheySRzrz6aZHJ
-----END PRIVATE KEY-----";
const ED25519_JWK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"Q-wcad9rbCd8iB2jR2LiM8xz0tt2z2twnGicprul9zg"}"#;
const RSA: &str = "-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDNcq9nlGDeNd/0
RceB2Be9JT9fF/ynqMR6nRrJ/yhwnkH5o6A8hpkIpYWz4NV2kpOnZDR04xcGyTWr
Cw33f1m7Y1w9B9eybl/ZIJ4NFFtcg2SyGoNTUroFA82QBIS3RRCuRapNKTrcM4hb
sQEAOTWm9GFaVfRZXw0iQ7ixlNv5GUe11qwvSMCNr4NYBpN3i/tTFwFO71DdFEQz
0PFHBHe7TWwIy4Rr/siH8DqHcU2aE8KkaJd0tknXzNV767smZKo2Hg9jvyrtYtmR
c0CYaQBt/OoJgCfXmtVcGB7YQRV1cGC3CYqrLhcKtuh6axOESZyDVYlffvfFMVS7
uJI+39E7AgMBAAECggEARjGac3nTNOjUWTnkJd1mkvXgdoWUCdaUNs5poj1fHEc+
BGSe8T8Nl1IyYdh+JnKDJ0yJzavvKJ7jisqOnZKx3l/e2m1NCYZDkkReK9raMjwk
UePUHcpkiyUW/U9F5vYecmSUAKQHG8gxnR5XWLOzPJU/k+VNRKHAs4XO20GgfLVF
KN88fuACYL3EkEO0iKQKAaXp4AEXtOrblRDhqm0rzKxdmvCR4jsLSud6pc/JE4Bw
ggOBaj34/tLyIAfrAC4+UJ1XEZ3uhQ6XvQdumuFLC7KIO3IZcJayjIXoj44X4E3I
Cq9CChfuVDxvN5wlS6pIDfWCmCH/vfNeRhqeD0eHgQKBgQDtQ8AXgBkisOvV0NqX
pX8y9RQcEV8ROsDScrmJDYyiB+pe34/1Y3wFTHT0zwqJ+nOV7b4dd0v55okjM55g
YIbscNty5h4UYtBA1a3a2LHvhTYidh4y6W9PFAvY7qwJELxVQFfAdqPutnHlayN5
2A4A93qHomOEVAaQLkwV7QSFuwKBgQDdq8S3ir/Ps4YxoooEFSG28+i7Ik7K8ah+
Z9i3w/N6ppvXWTzIuGPI7qetWzfflFXjpABlSayQMp2ZhN4VW1wwd5VPJFIxlgKO
Q+gQ9AEyqMqTfNVJnJyeB+GX1GO6RZ8CjswffZ/48BdmoN4wn6ff72sSgOCqEyWz
T9pjaJtqgQKBgQDAK4S1RAqXv4Z0WsIB24iH5FqSVTuTv+uXSFaf+/pw7kpU52w5
C4fS3tdHxT26/cCKqdG3Gf3OfXuLqG5ZjzUY4lvL1zh7uIEGUkuLGsIbxuBOzy6s
e8es3AawgLeUbBquTfwFJdKnMNxVPg6wzF6jR87VdqB1+HyMYQM9KwjjqwKBgAQA
WMGzaHj4VaDJvVILi5tA1d+i4+c364G0oC3ZBKkfHssJWlaJNYvn+vDfJ6gKhm5g
hH1PkiTcNQoTYurhxk09q11NW4p3mb41rZe4v9jJQTbeVv9IK2+S1tilxdMT9KXY
LAkZfGzC8LkyiDA6gY5CRR2FZAjN5a1R8LBAsCWBAoGBAJ+XcoxO/QC53GJbZHUC
ciGzG95bNkyyneo+22B0pBHLY3JYUuAOFtIKL7Ql0PDgLQT/2j19E9BEPwdPIN1w
cZ4ZhUEFUlWgN8o4OniXbvWo5gxaQG3rqfXCnS5rgrycWSwOIKmGt4W/8B5zfSb0
EsvMffemiCz7PdmBkreysasF
-----END PRIVATE KEY-----";
const RSA_JWK: &str = r#"{"kty":"RSA","kid":"rsa","e":"AQAB","n":"zXKvZ5Rg3jXf9EXHgdgXvSU_Xxf8p6jEep0ayf8ocJ5B-aOgPIaZCKWFs-DVdpKTp2Q0dOMXBsk1qwsN939Zu2NcPQfXsm5f2SCeDRRbXINkshqDU1K6BQPNkASEt0UQrkWqTSk63DOIW7EBADk1pvRhWlX0WV8NIkO4sZTb-RlHtdasL0jAja-DWAaTd4v7UxcBTu9Q3RREM9DxRwR3u01sCMuEa_7Ih_A6h3FNmhPCpGiXdLZJ18zVe-u7JmSqNh4PY78q7WLZkXNAmGkAbfzqCYAn15rVXBge2EEVdXBgtwmKqy4XCrboemsThEmcg1WJX373xTFUu7iSPt_ROw"}"#;
