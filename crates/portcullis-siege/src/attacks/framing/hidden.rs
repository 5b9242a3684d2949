//! A request in a place where none begins, and whether it was served.

use tokio::task::JoinSet;

use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Exchange,
};

/// The request that is hidden: what it is answered with is known.
pub(super) fn hidden(context: &Context) -> String {
    let (path, host) = (context.control(), context.target.authority());
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// Whether an answer to the hidden request came behind another one.
pub(super) fn is_served(context: &Context, seen: &Exchange) -> bool {
    let mut later = seen.answers().into_iter().skip(1);
    later.any(|answer| answer.status == context.found.control_status)
}

/// Breached when the hidden request was served.
pub(super) fn not_served(context: &Context, seen: &Exchange, what: &str) -> Finding {
    if is_served(context, seen) {
        return Err(seen.breach(format!("{what}: the hidden request was served")));
    }
    let status = seen.status().map(|status| status.to_string());
    Ok(status.unwrap_or_else(|| "no answer".to_owned()))
}

/// Sends each on a connection of its own, all at once. Returns what passed, in the same order.
pub(super) async fn exchange_all(
    context: &Context,
    tries: impl IntoIterator<Item = String>,
) -> Result<Vec<Exchange>, Failure> {
    let mut tasks = JoinSet::new();
    for (place, bytes) in tries.into_iter().enumerate() {
        let context = context.clone();
        tasks.spawn(async move { (place, context.exchange(bytes).await) });
    }
    let mut all = tasks.join_all().await;
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, seen)| seen).collect()
}
