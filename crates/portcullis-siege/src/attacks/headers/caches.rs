//! Caches that all clients share, and what needed a key.

use crate::{
    Level,
    attacks::expect::expect,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn stored_for_all(context: &Context) -> Finding {
    let path = route(&context.profile.routes.protected)?;
    let (request, answer) = opened(context, path).await?;
    let wrong =
        shared(context, &answer).map(|what| format!("{what} on an answer that needed a key"));
    expect(context, &request, &answer).flawless(wrong)?;
    Ok("no cache that is shared may give it to others".to_owned())
}

pub(crate) async fn deception(context: &Context) -> Finding {
    let routes = &context.profile.routes;
    let note = disguised(context, route(&routes.protected)?).await?;
    match &routes.own {
        Some(own) if routes.own != routes.protected => disguised(context, own).await,
        _ => Ok(note),
    }
}

/// What a route answers, at paths behind it that look like files.
async fn disguised(context: &Context, path: &str) -> Finding {
    let path = path.split('?').next().unwrap_or(path);
    let (_, whole) = opened(context, path).await?;
    let (_, again) = opened(context, path).await?;
    let known = Known::new(&whole.body, &again.body);
    if known.length() < LEAST {
        return Err(Failure::unclear(
            "the answer differs each time: it can't be known again",
        ));
    }
    let mut served = 0;
    for end in DISGUISES {
        let request = context.get(&format!("{path}{end}"));
        let answer = match context.send(&request).await {
            Err(Failure::Unclear(_)) => continue,
            answer => answer?,
        };
        if answer.is_good() && known.is_in(&answer.body) {
            served += 1;
            not_kept(context, &request, &answer)?;
        }
    }
    Ok(format!(
        "{} paths that look like files; {served} served, none may be kept",
        DISGUISES.len()
    ))
}

fn not_kept(context: &Context, request: &Request, answer: &Answer) -> Result<(), Failure> {
    let is_silent = !answer.has("cache-control");
    let what = match shared(context, answer) {
        Some(what) => what,
        None if is_silent => "no Cache-Control".to_owned(),
        None => return Ok(()),
    };
    let what = format!("{} is the protected answer, with {what}", request.path);
    let evidence = request.evidence(context, answer, what);
    let level = if is_silent {
        Level::Should
    } else {
        Level::Must
    };
    Err(evidence.at_most(level).into())
}

/// What two answers of a route have in common: their beginning and their end.
#[derive(Debug)]
struct Known<'a>(&'a [u8], &'a [u8]);

impl<'a> Known<'a> {
    fn new(one: &'a [u8], other: &[u8]) -> Self {
        let same = |(a, b): &(&u8, &u8)| a == b;
        let begin = one.iter().zip(other).take_while(same).count();
        let (begin, rest) = one.split_at(begin);
        let pairs = rest.iter().rev().zip(other[begin.len()..].iter().rev());
        let end = pairs.take_while(same).count();
        Self(begin, &rest[rest.len() - end..])
    }

    const fn length(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn is_in(&self, body: &[u8]) -> bool {
        body.starts_with(self.0) && body.ends_with(self.1)
    }
}

/// The answer with the key, of a route that is shut without one.
async fn opened(context: &Context, path: &str) -> Result<(Request, Answer), Failure> {
    let without = context.send(&Request::get(path)).await?;
    if !matches!(without.status, 401 | 403) {
        let status = without.status;
        return Err(Failure::not_tested(format!(
            "{status} without a key: 401 or 403 was expected"
        )));
    }
    let request = context.get(path);
    let answer = context.send(&request).await?;
    if answer.is_good() {
        Ok((request, answer))
    } else {
        Err(Failure::unclear(format!(
            "{} with the valid key",
            answer.status
        )))
    }
}

/// What lets a cache give this to clients without the key (RFC 9111, 3 and 3.5).
fn shared(context: &Context, answer: &Answer) -> Option<String> {
    let key = &context.profile.keys.header;
    let all = list(answer, "cache-control");
    let has = |name: &str| all.iter().any(|directive| directive == name);
    let varies = list(answer, "vary")
        .iter()
        .any(|name| name == key || name == "*");
    if varies || has("no-store") || has("private") || has("no-cache") {
        return None;
    }
    let age = |name: &str| {
        let named = all.iter().filter_map(|directive| directive.split_once('='));
        let mut named = named.filter(|(known, _)| *known == name);
        named
            .next()
            .and_then(|(_, age)| age.trim_matches('"').parse::<u64>().ok())
    };
    let (for_shared, for_any) = (age("s-maxage"), age("max-age"));
    // A cache keeps nothing that came for `Authorization`, unless the answer lets it.
    let kept = key != "authorization" || has("must-revalidate") || has("public");
    match (for_shared.or(for_any), for_shared) {
        (Some(0), _) => None,
        (Some(age), Some(_)) => Some(format!("s-maxage={age}")),
        (Some(age), None) if kept => Some(format!("max-age={age}")),
        _ => has("public").then(|| "Cache-Control: public".to_owned()),
    }
}

fn list(answer: &Answer, name: &str) -> Vec<String> {
    let values = answer.headers.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| value.split(','));
    words.map(|word| word.trim().to_ascii_lowercase()).collect()
}

/// What a cache that goes by names takes for a file.
const DISGUISES: &[&str] = &[
    "/siege.css",
    ";siege.js",
    "%2fsiege.css",
    "%3bsiege.css",
    "%3fsiege.css",
    "%23siege.css",
    "%0asiege.css",
    ".css",
];
/// Bytes by which an answer is known again.
const LEAST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_what_stays() {
        let known = Known::new(b"hello, visit 17 of today", b"hello, visit 18 of today");
        assert!(known.is_in(b"hello, visit 19 of today"));
        assert!(!known.is_in(b"not found"));
        assert_eq!(Known::new(b"same", b"same").length(), 4);
        assert_eq!(Known::new(b"ab", b"cd").length(), 0);
    }
}
