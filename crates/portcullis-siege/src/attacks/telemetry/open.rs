//! The metrics, and who may see them.

use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn metrics_open(context: &Context) -> Finding {
    let path = route(&context.profile.routes.metrics)?;
    let known = context.send(&context.get(path)).await?;
    if !known.is_good() {
        let status = known.status;
        return Err(Failure::not_tested(format!(
            "{path} answers {status} to the valid key"
        )));
    }
    let unknown = format!("siege_{:016x}", rand::random::<u64>());
    let tries = [
        ("without a key", Request::get(path)),
        (
            "with a key that nobody has",
            Request::get(path).with_key(context, unknown),
        ),
    ];
    for (how, request) in tries {
        let answer = context.send(&request).await?;
        if answer.is_good() && !answer.body.is_empty() {
            let what = format!("the metrics are open to anybody, {how}");
            let evidence = request.evidence(context, &answer, what);
            // Only what the profile calls protected is promised to be.
            let is_promised = context.profile.routes.protected.as_deref() == Some(path);
            let level = if is_promised {
                Level::Must
            } else {
                Level::Should
            };
            return Err(evidence.at_most(level).into());
        }
    }
    Ok("not without a valid key".to_owned())
}
