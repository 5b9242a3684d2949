//! Other spellings of one request: its path, its method.

use super::escapes::Trick;
use crate::{
    attacks::limiter::{limited, usual},
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn by_path(context: &Context) -> Finding {
    // Where every path is served, another spelling is another page.
    let unknown = context.get("/siege-unknown-5e1e");
    if context.send(&unknown).await?.is_good() {
        return Err(Failure::not_tested("every path is served"));
    }
    same_gain_nothing(context, &PATHS).await
}

pub(crate) async fn by_method(context: &Context) -> Finding {
    same_gain_nothing(context, &METHODS).await
}

/// Of what the server takes for the same request, nothing gives a client more than it has.
async fn same_gain_nothing(context: &Context, tricks: &[Trick]) -> Finding {
    // Without a limit, nothing is gained by anything.
    usual(context, |_, request| request, || context.fresh()).await?;
    let plain = context.send(&limited(context)?).await?;
    let mut same = Vec::new();
    for trick in tricks {
        if is_same(context, trick, &plain).await? {
            trick.no_gain(context).await?;
            same.push(trick.name);
        }
    }
    Ok(if same.is_empty() {
        format!("none of {} is served as the same", tricks.len())
    } else {
        format!("nothing gained by {}", same.join(", "))
    })
}

/// Whether the server does the same for a trick, and declares no quota of its own for it.
async fn is_same(context: &Context, trick: &Trick, plain: &Answer) -> Result<bool, Failure> {
    let request = (trick.make)(context, 1, limited(context)?);
    let answer = match context.send(&request).await {
        Ok(answer) => answer,
        Err(Failure::Unclear(_)) => return Ok(false),
        Err(failure) => return Err(failure),
    };
    let again = context.send(&limited(context)?).await?;
    // A body that differs from itself can't be compared.
    let is_steady = again.body == plain.body && request.method != "HEAD";
    let is_like = |name| answer.header(name) == plain.header(name);
    let policy = answer.header("ratelimit-policy");
    Ok(answer.is_good()
        && (request.method == "HEAD" || is_like("content-type"))
        && (!is_steady || answer.body == plain.body)
        && (policy.is_empty() || policy == plain.header("ratelimit-policy")))
}

/// With another spelling of the path, before its query.
fn respell(mut request: Request, spell: impl Fn(&str) -> String) -> Request {
    let end = request.path.find('?').unwrap_or(request.path.len());
    let path = spell(&request.path[..end]);
    request.path.replace_range(..end, &path);
    request
}

/// With those letters changed whose bit is set, from the end.
fn change(path: &str, bits: usize, letter: impl Fn(char) -> String) -> String {
    let mut bits = bits;
    let changed = path.chars().rev().map(|c| {
        if !c.is_ascii_alphabetic() {
            return c.to_string();
        }
        let is_set = bits & 1 == 1;
        bits >>= 1;
        if is_set { letter(c) } else { c.to_string() }
    });
    let changed: Vec<_> = changed.collect();
    changed.into_iter().rev().collect()
}

const PATHS: [Trick; 8] = [
    Trick::new("a slash at the end", |_, _, request| {
        respell(request, |path| format!("{path}/"))
    }),
    Trick::new("two slashes at the beginning", |_, _, request| {
        respell(request, |path| format!("/{path}"))
    }),
    Trick::new("two slashes at the last segment", |_, _, request| {
        respell(request, |path| match path.rsplit_once('/') {
            Some((before, last)) => format!("{before}//{last}"),
            None => path.to_owned(),
        })
    }),
    Trick::new("other letters in upper case each time", |_, i, request| {
        respell(request, |path| {
            change(path, i + 1, |c| c.to_ascii_uppercase().to_string())
        })
    }),
    Trick::new("another parameter behind `;` each time", |_, i, request| {
        respell(request, |path| format!("{path};siege={i}"))
    }),
    Trick::new("other letters encoded each time", |_, i, request| {
        respell(request, |path| {
            change(path, i + 1, |c| format!("%{:02x}", u32::from(c)))
        })
    }),
    Trick::new("a dot segment", |_, i, request| {
        respell(request, |path| format!("/siege{i}/..{path}"))
    }),
    Trick::new("an extension", |_, _, request| {
        respell(request, |path| format!("{path}.json"))
    }),
];

const METHODS: [Trick; 2] = [
    Trick::new("HEAD", |_, _, request| Request {
        method: "HEAD".to_owned(),
        ..request
    }),
    Trick::new("POST", |_, _, request| Request {
        method: "POST".to_owned(),
        ..request
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_changes_other_letters() {
        let upper = |bits| change("/a/bc", bits, |c| c.to_ascii_uppercase().to_string());

        assert_eq!([upper(1), upper(2), upper(5)], ["/a/bC", "/a/Bc", "/A/bC"]);
        assert_eq!(
            change("/ab", 1, |c| format!("%{:02x}", u32::from(c))),
            "/a%62"
        );
    }

    #[test]
    fn a_query_keeps_its_place() {
        let request = respell(Request::get("/a?b=/c"), |path| format!("{path}/"));

        assert_eq!(request.path, "/a/?b=/c");
    }
}
