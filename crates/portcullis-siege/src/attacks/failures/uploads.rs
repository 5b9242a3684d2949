//! Uploads that are cut off in the middle.

use std::time::Duration;

use tokio::time::sleep;

use super::{bodies::to_body, head};
use crate::{
    attacks::overload::{at_once, many, slow},
    context::Context,
    verdict::{Evidence, Failure, Finding},
};

pub(crate) async fn aborted_uploads(context: &Context) -> Finding {
    let count = context.profile.limits.in_flight().value;
    let small = to_body(context)?.body(context.sample().text().to_owned());
    let is_fine = context.send(&small).await?.is_good();
    let before = served(context, count).await?;
    if !is_fine || before == 0 {
        return Err(Failure::unclear("nothing is served before the attack"));
    }
    many(count * 2, || cut_off(context.clone())).await?;
    sleep(Duration::from_secs(1)).await;
    let mut after = served(context, count).await?;
    if after * 10 < before * 9 {
        // A machine under siege is busy: what was lost stays lost.
        sleep(Duration::from_secs(1)).await;
        after = after.max(served(context, count).await?);
    }
    if after * 10 < before * 9 {
        let what = format!("{after} slow requests at once after aborted uploads, {before} before");
        return Err(Evidence::new(what).repeat(small.curl(context)).into());
    }
    let answer = context.send(&small).await?;
    if answer.is_good() {
        Ok(format!(
            "{after} at once after {} uploads that were cut off",
            count * 2
        ))
    } else {
        let what = format!("{} for an upload, after aborted ones", answer.status);
        Err(small.breach(context, &answer, what))
    }
}

/// How many slow requests are served at the same time.
async fn served(context: &Context, count: usize) -> Result<usize, Failure> {
    let answers = at_once(context, &slow(context)?, count).await?;
    let good = answers
        .iter()
        .filter(|(answer, _)| answer.is_good())
        .count();
    sleep(Duration::from_millis(300)).await;
    Ok(good)
}

/// Half of a body, and the end of the connection.
async fn cut_off(context: Context) -> Result<(), Failure> {
    let length = context.profile.limits.body_bytes().value.min(2000);
    let request = to_body(&context)?.header("content-length", length.to_string());
    let half = context.sample().of_length(length as usize);
    let half = half[..length as usize / 2].to_vec();
    let mut raw = context.raw().await?;
    raw.send([head(&context, &request), half].concat()).await?;
    raw.read(Duration::from_millis(2)).await;
    Ok(())
}
