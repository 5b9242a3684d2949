//! Who may enter with a signed request: the guard of `portcullis` decides, and with a fault of it a verifier
//! by hand.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use portcullis::{
    ConfigError, Principal,
    body_limit::RequestBody,
    signature::{MemoryReplays, SignatureKeys, SignatureLayer, SignaturePolicy, SigningKey},
};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    app::{App, lock},
    faults::Fault,
    message::{Head, Response},
    seal::Seal,
};

/// Takes signed requests, each nonce once.
pub(crate) fn layer() -> Result<SignatureLayer, ConfigError> {
    let key = SigningKey::hmac_sha256(SECRET)?;
    let keys = SignatureKeys::new().and(KEY_ID, key.verifying_key(Principal::new(KEY_ID)));
    let policy = SignaturePolicy::new().single_use(MemoryReplays::new(100_000));
    SignatureLayer::try_new(keys, policy)
}

impl App {
    /// Whether the signature is right, and the body is the one that was signed.
    pub(crate) async fn signed(&self, head: &Head, body: &[u8]) -> Result<(), Response> {
        let is_right = if self.fault.group() == 'G' {
            self.seal_is_right(head, body).await
        } else {
            self.guard_admits(head, body).await
        };
        if is_right {
            Ok(())
        } else {
            let refusal = Response::problem(401, "Unauthorized");
            Err(refusal.with("www-authenticate", "Signature realm=\"api\""))
        }
    }

    async fn guard_admits(&self, head: &Head, body: &[u8]) -> bool {
        let query = if head.query.is_empty() { "" } else { "?" };
        let mut request = http::Request::builder()
            .method(head.method.as_str())
            .uri(format!("{}{query}{}", head.path, head.query));
        for (name, value) in &head.fields {
            request = request.header(name, value.as_slice());
        }
        if !head.has("host") {
            request = request.header("host", head.host.as_deref().unwrap_or(""));
        }
        let Ok(request) = request.body(Full::new(Bytes::copy_from_slice(body))) else {
            return false;
        };
        let reads = service_fn(|request: http::Request<RequestBody<Full<Bytes>>>| async {
            let status = match request.into_body().collect().await {
                Ok(_) => http::StatusCode::OK,
                Err(_) => http::StatusCode::BAD_REQUEST,
            };
            let mut answer = http::Response::new(Full::<Bytes>::default());
            *answer.status_mut() = status;
            Ok::<_, Infallible>(answer)
        });
        let Ok(answer) = self.signatures.layer(reads).oneshot(request).await;
        answer.status() == http::StatusCode::OK
    }

    async fn seal_is_right(&self, head: &Head, body: &[u8]) -> bool {
        let Some(seal) = Seal::new(self.fault, head) else {
            return false;
        };
        let nonce = seal.nonce();
        if nonce.is_empty() && !self.has(Fault::NonceOptional) {
            return false;
        }
        if self.has(Fault::NonceBurned) && !self.note(nonce) {
            return false;
        }
        if !(seal.is_good(head) && seal.is_body_good(head, body)) {
            return false;
        }
        match self.fault {
            Fault::NonceUnread | Fault::NonceBurned => true,
            Fault::NonceOptional if nonce.is_empty() => true,
            Fault::NonceRace => {
                let is_new = !lock(&self.nonces).contains(nonce);
                sleep(Duration::from_millis(50)).await;
                self.note(nonce);
                is_new
            }
            _ => self.note(nonce),
        }
    }

    /// Whether a nonce is new.
    fn note(&self, nonce: &str) -> bool {
        lock(&self.nonces).insert(nonce.to_owned())
    }
}

pub(crate) const KEY_ID: &str = "gallery";
/// Of this gallery, and of nothing else.
pub(crate) const SECRET: &str = "gal_signing_8d21f0c47be95a3610fe";
