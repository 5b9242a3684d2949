//! Refusals that tell which paths there are.

use super::{door::nowhere, protected};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

/// Whether who has no key can tell which paths there are.
pub(crate) async fn existence(context: &Context) -> Finding {
    let known = context.send(&Request::get(protected(context)?)).await?;
    if known.status != 401 {
        return Err(Failure::unclear(format!("{} without a key", known.status)));
    }
    let mut count = 0;
    for method in ["GET", "POST", "DELETE"] {
        let without = |path: &str| Request::new(method, path);
        let known = context.send(&without(protected(context)?)).await?;
        if known.status == 401 {
            count += same_of_unknown(context, &known, without, "no key").await?;
        }
    }
    Ok(format!("401 for {count} paths that do not exist"))
}

/// Sends a request to paths that do not exist, beside and below the one that does.
pub(super) async fn same_of_unknown(
    context: &Context,
    known: &Answer,
    request: impl Fn(&str) -> Request,
    who: &str,
) -> Result<usize, Failure> {
    let path = protected(context)?.split('?').next().unwrap_or_default();
    let folder = path.trim_end_matches('/').rsplit_once('/');
    let beside = folder.map_or("", |(folder, _)| folder);
    let mut count = 0;
    // Beside a path at the root, anything may be public.
    let places = [path.trim_end_matches('/'), beside];
    for place in places.into_iter().filter(|place| !place.is_empty()) {
        let request = request(&format!("{place}{}", nowhere()));
        let answer = context.send(&request).await?;
        if answer.status == 404 && known.status != 404 {
            let what = format!(
                "404 for what does not exist and {} for what does, with {who}",
                known.status
            );
            return Err(request.breach(context, &answer, what));
        }
        count += 1;
    }
    Ok(count)
}
