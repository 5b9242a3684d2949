//! Tokens that bring their key along, or name where it is.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::Bearer;
use crate::{
    context::Context,
    signing::{Forge, Object, PrivateKey, sealed, text, with},
    verdict::{Evidence, Failure, Finding},
};

/// A server of ours that a token names. It answers with the keys that the token is signed with.
struct Canary {
    url: String,
    fetched: mpsc::UnboundedReceiver<String>,
    _server: JoinSet<()>,
}

pub(crate) async fn embedded_keys(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let forge = bearer.forge;
    let foreign = forge.key.foreign();
    let foreign = foreign.ok_or_else(|| Failure::unclear("no random numbers"))?;
    let jwk = foreign.public_jwk().unwrap_or_default();
    let mut canary = Canary::start(&jwk).await?;
    let url = &canary.url;
    let own_url = |path: &str| json!(format!("{url}/{path}"));
    let mut tokens = Vec::new();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", own_url("jku.json")),
        ("x5u", own_url("x5u.pem")),
        ("x5c", json!([CERTIFICATE])),
    ] {
        let header = with(forge.header(), name, value);
        tokens.push((name, by(&foreign, &header, &forge.claims())));
        let header = without_kid(header);
        tokens.push((name, by(&foreign, &header, &forge.claims())));
    }
    let kid = with(forge.header(), "kid", own_url("kid.json"));
    tokens.push(("a kid that is a URL", by(&foreign, &kid, &forge.claims())));
    let issuer = with(forge.claims(), "iss", canary.url.clone());
    tokens.push(("an issuer of ours", by(&foreign, &forge.header(), &issuer)));
    for (name, token) in &tokens {
        let what = format!("a token with a key of its own ({name})");
        bearer.refuses(&what, token).await?;
    }
    // With a right signature it is the server's choice to serve it, but not to fetch.
    for token in rightly_signed(forge, &canary.url) {
        bearer
            .refuses_with(&[200, 204, 400, 401, 403], "a header with a URL", &token)
            .await?;
    }
    canary.was_left_alone().await?;
    Ok(format!(
        "{} tokens refused, and nothing fetched",
        tokens.len()
    ))
}

fn rightly_signed(forge: &Forge, url: &str) -> [String; 2] {
    ["jku", "x5u"].map(|name| forge.with_header(name, format!("{url}/signed-{name}")))
}

fn by(key: &PrivateKey, header: &Object, claims: &Object) -> String {
    let header = with(header.clone(), "alg", key.algorithm());
    sealed(&text(&header), &text(claims), |message| key.sign(message))
}

fn without_kid(mut header: Object) -> Object {
    header.remove("kid");
    header
}

// ===== impl Canary =====

impl Canary {
    async fn start(jwk: &Value) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (fetch, fetched) = mpsc::unbounded_channel();
        let keys = json!({ "keys": [jwk] }).to_string();
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((mut io, _)) = listener.accept().await {
                let mut head = [0; 512];
                let read = timeout(SETTLE, io.read(&mut head)).await;
                let length = read.map_or(0, Result::unwrap_or_default);
                let line = String::from_utf8_lossy(&head[..length]);
                let _ = fetch.send(line.lines().next().unwrap_or("a connection").to_owned());
                let length = keys.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n{keys}"
                );
                let _ = io.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Self {
            url,
            fetched,
            _server: server,
        })
    }

    /// Breached if somebody came, also a little later.
    async fn was_left_alone(&mut self) -> Result<(), Failure> {
        match timeout(SETTLE, self.fetched.recv()).await {
            Ok(Some(line)) => {
                let evidence = Evidence::new("the server fetched what a token names");
                Err(evidence
                    .sent(format!("a token that names {}", self.url))
                    .received(line)
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// How long after an answer a fetch may begin.
const SETTLE: Duration = Duration::from_millis(500);
/// The beginning of any certificate: nobody has the key for it.
const CERTIFICATE: &str = "MIIBszCCAVmgAwIBAgIUQ2FuYXJ5IG9mIHRoZSBzaWVnZQ==";
