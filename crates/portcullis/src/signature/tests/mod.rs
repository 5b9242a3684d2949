mod attacks;
mod bodies;
mod digests;
mod keys;
mod nonces;
mod policies;
mod properties;
mod signing;
mod vectors;

use std::{convert::Infallible, sync::LazyLock};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use portcullis_core::{
    BoxError, Facts, ManualClock, Principal, Reason, Rejection, Verdict, WallClock,
};
use portcullis_test::{Body as TestBody, contract, send};
use tower::{Layer, service_fn};

use super::{
    MemoryReplays, SignatureGuard, SignatureKeys, SignatureLayer, SignaturePolicy, Signer,
    SigningKey,
};
use crate::{Guard, Reply, body_limit::RequestBody};

contract!(
    layer(SignaturePolicy::new()),
    SignatureLayer::off(),
    layer(SignaturePolicy::new().single_use(MemoryReplays::new(1))),
);

const NOW: u64 = 1_700_000_000;

/// The time in all tests that don't have their own.
static CLOCK: LazyLock<ManualClock> = LazyLock::new(|| ManualClock::new(NOW));

fn key() -> SigningKey {
    SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2").unwrap()
}

fn keys() -> SignatureKeys {
    SignatureKeys::new().and("key-1", key().verifying_key(Principal::new("alice")))
}

fn policy() -> SignaturePolicy {
    SignaturePolicy::new().clock(WallClock::from(&*CLOCK))
}

fn layer(policy: SignaturePolicy) -> SignatureLayer {
    SignatureLayer::try_new(keys(), policy).unwrap()
}

fn guard(policy: SignaturePolicy) -> SignatureGuard {
    SignatureGuard::try_new(keys(), policy).unwrap()
}

fn signer() -> Signer {
    let signer = Signer::try_new("key-1", key()).unwrap();
    signer.clock(WallClock::from(&*CLOCK))
}

/// A request that is right, before it is signed.
fn unsigned<B>(body: B) -> Request<B> {
    Request::post("https://example.com/orders?id=7&to=bob")
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// A request that is right, with a body.
fn signed(signer: &Signer, body: &'static str) -> Request<TestBody> {
    let (mut head, ()) = unsigned(()).into_parts();
    signer.sign(&mut head, Some(body.as_bytes())).unwrap();
    Request::from_parts(head, TestBody::from(body))
}

/// Reads the whole body, whatever comes, and answers 200 with the principal and what was read.
async fn swallow<B>(request: Request<B>) -> Result<Response<TestBody>, Infallible>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let principal: Option<Principal> = Facts::of(request.extensions()).get().cloned();
    let id = principal.map_or("nobody".to_owned(), |principal| principal.id().to_owned());
    let body = match request.into_body().collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Response::new(TestBody::from(format!("{id}: {body}"))))
}

type Answer = Response<crate::edge::EdgeBody<TestBody>>;

async fn ask<B>(layer: &SignatureLayer, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let service = layer.layer(service_fn(swallow::<RequestBody<B>>));
    send(service, request).await
}

fn reason(response: &Answer) -> Option<Reason> {
    let rejection = response.extensions().get::<Rejection>()?;
    Some(rejection.cause()?.reason())
}

/// What a guard says of a request by its head.
fn judged<B: Body>(guard: &SignatureGuard, request: Request<B>) -> Result<(), Reason> {
    let (mut head, body) = request.into_parts();
    let mut reply = Reply::new(body.size_hint());
    match guard.admit(&mut head, &mut reply) {
        Verdict::Admit => Ok(()),
        Verdict::Reject(rejection) => Err(rejection.cause().unwrap().reason()),
        other => panic!("{other:?}"),
    }
}

/// Signs an input as it is written, whatever it says, over a base that the guard would make of it.
fn with_input(mut request: Request<TestBody>, input: &str) -> Request<TestBody> {
    use super::{fields::Signed, message::Message};
    let value = HeaderValue::from_str(&format!("sig={input}")).unwrap();
    request.headers_mut().insert("signature-input", value);
    request
        .headers_mut()
        .insert("signature", HeaderValue::from_static("sig=:AA==:"));
    let (mut head, body) = request.into_parts();
    if let Ok(signed) = Signed::find(&head.headers, None)
        && let Ok(base) = Message::incoming(&head, None).base(&signed.components, &signed.input)
    {
        let signature = signature_of(&base);
        head.headers.insert("signature", signature);
    }
    Request::from_parts(head, body)
}

fn signature_of(base: &str) -> HeaderValue {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let signature = key().sign(base.as_bytes()).unwrap();
    HeaderValue::from_str(&format!("sig=:{}:", STANDARD.encode(signature))).unwrap()
}
