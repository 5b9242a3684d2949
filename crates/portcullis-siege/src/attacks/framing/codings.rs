//! Lengths and codings that look like right ones.

use super::{
    Lines,
    hidden::{exchange_all, hidden, not_served},
};
use crate::{Level, context::Context, verdict::Finding, wire::Exchange};

pub(crate) async fn length_forms(context: &Context) -> Finding {
    let values = ["1_0", "1 0", "1e1", "10.0", "10;a", "0b1010"];
    let tries = values.map(|value| {
        // Where a body is wanted, a refusal is one of the length.
        let lines = Lines::to_body(context).unwrap_or_else(|_| Lines::post(context));
        let lines = lines.line(&format!("Content-Length: {value}"));
        lines.then("0123456789")
    });
    for seen in exchange_all(context, tries).await? {
        // A refusal of another kind is as good if nothing is read behind it.
        let is_refusal = seen.status().is_none_or(|status| status >= 400);
        if !(is_refusal && seen.closed || matches!(seen.status(), Some(400 | 413))) {
            return Err(seen.breach(taken(&seen, "an invalid length")));
        }
    }
    Ok(format!("{} lengths refused", values.len()))
}

pub(crate) async fn coding_parameters(context: &Context) -> Finding {
    let (values, hidden) = (["chunked;q=1", "chunked; a", "chunked x"], hidden(context));
    let right = match context.sample().kind() {
        Some(_) => context.sample().chunk() + "0\r\n\r\n",
        None => "0\r\n\r\n".to_owned(),
    };
    let bodies = [right.as_str(), hidden.as_str()];
    let tries = bodies.iter().flat_map(|body| {
        values.map(|value| {
            let lines = Lines::to_body(context).unwrap_or_else(|_| Lines::post(context));
            lines
                .line(&format!("Transfer-Encoding: {value}"))
                .then(body)
        })
    });
    let seen = exchange_all(context, tries.collect::<Vec<_>>()).await?;
    let (chunks, requests) = seen.split_at(values.len());
    for seen in requests {
        not_served(
            context,
            seen,
            "a coding that it does not know counts as none",
        )?;
    }
    let is_open = |seen: &&Exchange| seen.status().is_some_and(|status| status < 400);
    match chunks.iter().find(is_open) {
        // Only a parameter's presence is an error that SHOULD be one.
        Some(seen) => Err(seen
            .evidence(taken(seen, "a coding that is not `chunked`"))
            .at_most(Level::Should)
            .into()),
        None => Ok(format!("{} refused", values.len())),
    }
}

fn taken(seen: &Exchange, what: &str) -> String {
    match seen.status() {
        Some(status) => format!("{what} is answered with {status}"),
        None => format!("{what} is not answered, and the connection stays open"),
    }
}
