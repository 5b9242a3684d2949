//! Keys of nothing: what a server without a key of its own compares equal to.

use super::{form::credential, protected};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn no_key_at_all(context: &Context) -> Finding {
    let path = protected(context)?;
    let plain = context.send(&Request::get(path)).await?;
    if plain.is_good() || plain.status == 429 {
        return Err(Failure::not_tested(format!(
            "{} without a key",
            plain.status
        )));
    }
    let scheme = scheme(context);
    let mut count = 0;
    for value in VALUES {
        let request = Request::get(path).with_key(context, format!("{scheme}{value}"));
        let answer = match context.expect(&request).await {
            Ok(answer) => answer,
            // What can't be written, or closes the connection, is no way in.
            Err(Failure::Unclear(_)) => continue,
            Err(failure) => return Err(failure),
        };
        answer.holds(!answer.is_good(), format!("the key {value:?} opens {path}"))?;
        count += usize::from(answer.status != 429);
    }
    if count == 0 {
        return Err(Failure::unclear("none of the requests was answered"));
    }
    Ok(format!("{count} keys of nothing, none served"))
}

/// What stands before the key in its header, such as `Bearer `.
fn scheme(context: &Context) -> &str {
    let valid = context.profile.keys.valid.as_deref();
    valid.map_or("", |key| &key[..key.len() - credential(key).len()])
}

/// Nothing, blanks, and what languages write for nothing.
const VALUES: [&str; 10] = [
    "",
    " ",
    "   ",
    "\t",
    "null",
    "undefined",
    "None",
    "nil",
    "0",
    "false",
];
