//! F04, F15: a real issuer on loopback, which is down, slow, huge, or sends elsewhere.

use std::{sync::Arc, time::Duration};

use portcullis_core::{ManualClock, Reason};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto, pki_types::PrivateKeyDer},
};

use super::{
    get,
    issuer::{ISSUER, NOW, claims},
    reason,
    server::{Answer, IssuerServer},
    signer::{Signer, set},
};
use crate::jwt::{Jwt, JwtLayer, RemoteKeys};

fn layer(keys: RemoteKeys) -> JwtLayer {
    let clock = ManualClock::new(NOW);
    JwtLayer::new(
        Jwt::builder(ISSUER, ["api"], keys)
            .clock(&clock)
            .build()
            .unwrap(),
    )
}

fn over_http(server: &IssuerServer) -> RemoteKeys {
    RemoteKeys::builder(&server.url())
        .allow_http()
        .build()
        .unwrap()
}

async fn status(layer: &JwtLayer, signer: &Signer) -> u16 {
    get(layer, &signer.token(&claims())).await.status().as_u16()
}

/// An issuer whose key is known, and which then answers otherwise. A token with an unknown key makes
/// it known that it does.
async fn then(answer: Answer) -> IssuerServer {
    let (known, unknown) = (Signer::es256("known"), Signer::es256("unknown"));
    let server = IssuerServer::start(Answer::Set(set([&known]))).await;
    let layer = layer(over_http(&server));
    assert_eq!(status(&layer, &known).await, 200);
    assert_eq!(server.requests(), 1);

    server.answers(answer);
    assert_eq!(status(&layer, &unknown).await, 401);
    assert_eq!(server.connections(), 2);
    for _ in 0..20 {
        assert_eq!(status(&layer, &known).await, 200);
        assert_eq!(status(&layer, &unknown).await, 401);
    }
    assert_eq!(server.connections(), 2);
    server
}

#[tokio::test]
async fn keys_come_over_http_and_a_new_one_with_its_first_token() {
    let (old, new) = (Signer::es256("old"), Signer::eddsa("new"));
    let server = IssuerServer::start(Answer::Set(set([&old]))).await;
    let layer = layer(over_http(&server));
    assert_eq!(status(&layer, &old).await, 200);

    server.answers(Answer::Set(set([&old, &new])));
    assert_eq!(status(&layer, &new).await, 200);
    assert_eq!(status(&layer, &old).await, 200);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn f15_an_issuer_that_fails_changes_nothing() {
    let other = set([&Signer::es256("unknown")]);
    for status in [500, 503, 404, 401, 204, 201, 304] {
        then(Answer::Status(status)).await;
    }
    then(Answer::Close).await;
    then(Answer::Set("<html>".to_owned())).await;
    then(Answer::Set(r#"{"keys":[]}"#.to_owned())).await;
    then(Answer::Set(other[..other.len() - 1].to_owned())).await;
}

#[tokio::test]
async fn f15_no_redirect_is_followed() {
    let unknown = Signer::es256("unknown");
    let canary = IssuerServer::start(Answer::Set(set([&unknown]))).await;
    // The body of the redirect is a good set, too.
    then(Answer::Redirect(canary.url(), set([&unknown]))).await;

    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn f15_what_is_too_long_is_not_read_to_its_end() {
    let announced = then(Answer::Long(100 << 20)).await;
    let endless = then(Answer::Endless).await;

    // As much as fits between the two, and no more.
    for server in [announced, endless] {
        assert!(server.sent() < 16 << 20, "{}", server.sent());
    }
}

#[tokio::test]
async fn f15_an_issuer_that_hangs_or_drips_is_given_up() {
    for slow in [Answer::Hang, Answer::Drip] {
        let (known, unknown) = (Signer::es256("known"), Signer::es256("unknown"));
        let server = IssuerServer::start(Answer::Set(set([&known]))).await;
        let layer = layer(over_http(&server));
        assert_eq!(status(&layer, &known).await, 200);

        server.answers(slow);
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        assert_eq!(status(&layer, &unknown).await, 401);
        assert_eq!(began.elapsed().as_secs(), 5);
        assert_eq!(status(&layer, &known).await, 200);
        assert_eq!(began.elapsed().as_secs(), 5);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn f15_nobody_listens() {
    let known = Signer::es256("known");
    let server = IssuerServer::start(Answer::Hang).await;
    let url = server.url();
    drop(server);
    tokio::task::yield_now().await;
    let layer = layer(RemoteKeys::builder(&url).allow_http().build().unwrap());

    let response = get(&layer, &known.token(&claims())).await;
    assert_eq!(response.status(), 503);
    assert_eq!(reason(&response), Some(Reason::Unavailable));
}

#[tokio::test]
async fn f04_nothing_that_a_token_names_is_contacted() {
    let (known, forger) = (Signer::es256("known"), Signer::es256("forged"));
    let server = IssuerServer::start(Answer::Set(set([&known]))).await;
    let canary = IssuerServer::start(Answer::Set(set([&forger]))).await;
    let layer = layer(over_http(&server));
    assert_eq!(status(&layer, &known).await, 200);

    for name in ["jku", "x5u", "kid", "iss"] {
        let mut header = forger.header();
        header[name] = canary.url().into();
        let token = forger.sign(&header.to_string(), &claims().to_string());
        assert_eq!(get(&layer, &token).await.status(), 401, "{name}");
    }
    assert_eq!(canary.connections(), 0);
}

/// A root, and a server with a certificate of it.
fn tls() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &root).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain = vec![certificate.der().clone()];
    let config = config
        .with_no_client_auth()
        .with_single_cert(chain, private);
    (root.pem(), TlsAcceptor::from(Arc::new(config.unwrap())))
}

#[tokio::test]
async fn keys_come_over_tls_from_whom_the_root_vouches_for() {
    let known = Signer::es256("known");
    let (root, acceptor) = tls();
    let (other_root, _) = tls();
    let server = IssuerServer::start_with(Answer::Set(set([&known])), Some(acceptor)).await;
    let keys = RemoteKeys::builder(&server.url());
    let right = layer(keys.clone().root_certificates(root).build().unwrap());
    assert_eq!(status(&right, &known).await, 200);
    assert_eq!(server.requests(), 1);

    for wrong in [keys.clone(), keys.root_certificates(other_root)] {
        let response = get(&layer(wrong.build().unwrap()), &known.token(&claims())).await;
        assert_eq!(response.status(), 503);
    }
    assert_eq!((server.connections(), server.requests()), (3, 1));
}

#[tokio::test]
async fn a_time_limit_can_be_set() {
    let server = IssuerServer::start(Answer::Hang).await;
    let keys = RemoteKeys::builder(&server.url()).allow_http();
    let keys = keys.time_limit(Duration::from_secs(1)).build().unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();

    assert!(!keys.ready().await);
    assert_eq!(began.elapsed().as_secs(), 1);
}
