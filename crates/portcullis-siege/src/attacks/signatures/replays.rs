//! A nonce is used once, by whoever has the key.

use tokio::task::JoinSet;

use super::Signed;
use crate::{
    context::Context,
    signing::{now, quoted},
    verdict::{Failure, Finding},
};

pub(crate) async fn replays(context: &Context) -> Finding {
    let signed = single_use(context).await?;
    let draft = signed.draft();
    let request = draft.sign(signed.key);
    let first = signed.send(&request).await?;
    if !first.is_good() {
        return Err(Failure::unclear("a right signature is not served any more"));
    }
    signed.refuses("the same request again", &request).await?;
    signed
        .refuses(
            "the same request again, over a connection of its own",
            &request,
        )
        .await?;
    // RFC 9421, section 7.2.2: the nonce is unique, not the signature.
    let again = draft.date("expires", now() + 120).sign(signed.key);
    signed
        .refuses("another signature with a used nonce", &again)
        .await?;
    let without = signed.draft().without_param("nonce").sign(signed.key);
    signed.refuses("no nonce", &without).await?;
    let empty = signed.draft().param("nonce", "\"\"").sign(signed.key);
    signed.refuses("an empty nonce", &empty).await?;
    at_once(&signed).await?;
    Ok(format!("each once, also of {AT_ONCE} at the same time"))
}

/// The same request many times at once: one is the first.
async fn at_once(signed: &Signed<'_>) -> Result<(), Failure> {
    let request = signed.draft().sign(signed.key);
    signed.remember(&request);
    let mut sending = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (context, request) = (signed.context.clone(), request.clone());
        sending.spawn(async move { context.send(&request).await });
    }
    let mut served = Vec::new();
    while let Some(Ok(answer)) = sending.join_next().await {
        served.extend(answer.ok().filter(|answer| answer.is_good()));
    }
    match &served[..] {
        [] => Err(Failure::unclear("none of many equal requests is served")),
        [_] => Ok(()),
        [first, ..] => {
            let what = format!("{} of {AT_ONCE} equal requests are served", served.len());
            Err(signed.breach(&what, &request, first))
        }
    }
}

/// Nonces of signatures that are wrong take nobody's place.
pub(crate) async fn burned_nonces(context: &Context) -> Finding {
    let signed = single_use(context).await?;
    let right = signed.draft();
    let wrong = right.with_signature(&[0; 32]);
    signed.refuses("a wrong signature", &wrong).await?;
    let count = context.intensity.scale(200);
    for _ in 0..count {
        let request = signed.draft().with_signature(&[0; 32]);
        signed.refuses("a wrong signature", &request).await?;
    }
    let long = signed.draft().param("nonce", &quoted(&"n".repeat(8 << 10)));
    signed
        .refuses_with(&[400, 401, 431], "a nonce of 8 KB", &long.sign(signed.key))
        .await?;
    let request = right.sign(signed.key);
    let answer = signed.send(&request).await?;
    if answer.is_good() {
        Ok(format!(
            "a right signature is served after {count} wrong ones, one with its nonce"
        ))
    } else {
        let what = format!(
            "a right signature whose nonce a wrong one had: it answers {}",
            answer.status
        );
        Err(signed.breach(&what, &request, &answer))
    }
}

async fn single_use(context: &Context) -> Result<Signed<'_>, Failure> {
    let signed = Signed::admitted(context).await?;
    if signed.signatures.nonce {
        Ok(signed)
    } else {
        Err(Failure::not_tested(
            "nonces may be used again (signatures.nonce = true)",
        ))
    }
}

const AT_ONCE: usize = 16;
