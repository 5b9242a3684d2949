//! Paths that the check of keys reads in one way, and what serves them in another.

use super::{
    door::{Door, Try},
    protected,
};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn slashes(context: &Context) -> Finding {
    none_opens(context, SLASHES).await
}

pub(crate) async fn suffixes(context: &Context) -> Finding {
    none_opens(context, SUFFIXES).await
}

pub(crate) async fn spellings(context: &Context) -> Finding {
    none_opens(context, SPELLINGS).await
}

pub(crate) async fn from_public(context: &Context) -> Finding {
    none_opens(context, FROM_PUBLIC).await
}

async fn none_opens(context: &Context, forms: &[&str]) -> Finding {
    let door = Door::find(context).await?;
    let path = protected(context)?;
    if variants(path, context.control(), forms).is_empty() {
        return Err(Failure::not_tested("the protected route is `/`"));
    }
    let tries = with_twins(path, context.control(), forms);
    let tries = tries.map(|(spelled, twin)| Try::new(Request::get(spelled), [Request::get(twin)]));
    let tries: Vec<_> = tries.collect();
    let count = door.holds(context, tries, "without a key").await?;
    Ok(format!("{count} spellings of the path, none served"))
}

/// The path in each way that is not meant to be another one, each with the same of a path that is not there.
pub(super) fn spelled(path: &str, control: &str) -> impl Iterator<Item = (String, String)> {
    let all = [SLASHES, SUFFIXES, SPELLINGS].into_iter();
    all.flat_map(move |forms| with_twins(path, control, forms))
}

fn with_twins(path: &str, control: &str, forms: &[&str]) -> impl Iterator<Item = (String, String)> {
    let pairs = forms.iter().flat_map(|form| {
        let [spelled, twin] = [path, &unlike(path)].map(|path| variants(path, control, &[form]));
        spelled.into_iter().zip(twin)
    });
    pairs.collect::<Vec<_>>().into_iter()
}

/// A path beside that one which is not there: what is served there too is no way in.
pub(super) fn unlike(path: &str) -> String {
    let end = path.find('?').unwrap_or(path.len());
    let (bare, query) = path.split_at(end);
    format!("{}siegeqz{query}", bare.trim_end_matches('/'))
}

/// The path in each of the forms, with its query.
pub(super) fn variants(path: &str, control: &str, forms: &[&str]) -> Vec<String> {
    let (bare, query) = match path.split_once('?') {
        Some((bare, query)) => (bare, format!("?{query}")),
        None => (path, String::new()),
    };
    let control = control.split('?').next().unwrap_or_default();
    let control = control.trim_end_matches('/');
    let (folder, last) = bare.rsplit_once('/').unwrap_or(("", bare));
    if last.is_empty() {
        return Vec::new();
    }
    let parts = [
        ("{path}", bare.to_owned()),
        ("{rest}", bare.trim_start_matches('/').to_owned()),
        ("{folder}", folder.to_owned()),
        ("{last}", last.to_owned()),
        ("{encoded}", encoded(bare, "%")),
        ("{twice}", encoded(bare, "%25")),
        ("{title}", title(last)),
        ("{slashes}", bare[1..].replace('/', "%2f")),
        ("{back}", bare[1..].replace('/', "\\")),
        ("{control}", control.to_owned()),
        ("{up}", "/..".repeat(control.matches('/').count().max(1))),
    ];
    let filled = forms.iter().map(|form| {
        let filled = parts.iter().fold((*form).to_owned(), |form, (name, part)| {
            form.replace(name, part)
        });
        filled + &query
    });
    filled.filter(|variant| variant != path).collect()
}

/// Every letter and digit as an escape.
fn encoded(path: &str, escape: &str) -> String {
    let each = path.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            format!("{escape}{:02x}", u32::from(c))
        } else {
            c.to_string()
        }
    });
    each.collect()
}

/// With the case of its first letter changed.
fn title(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    });
    first.into_iter().chain(letters).collect()
}

pub(super) const SLASHES: &[&str] = &[
    "/{path}",
    "//{path}",
    "{folder}//{last}",
    "{folder}/./{last}",
    "{folder}/siege/../{last}",
    "{path}/.",
    "{path}/siege/..",
    "/siege/..{path}",
    "/..{path}",
    "/%2e{path}",
    "/%2e%2e{path}",
    "/siege/%2e%2e{path}",
    "/siege/%2E%2E{path}",
    "/siege/.%2e{path}",
    "{folder}/siege/..%2f{last}",
    "{folder}/%2e/{last}",
    "/siege/..%2f{rest}",
];

const SUFFIXES: &[&str] = &[
    "{path};",
    "{path};siege",
    "{path};siege=1",
    "{folder};siege/{last}",
    "/;{path}",
    "{path};/",
    "{path}..;/",
    "{path}%3bsiege",
    "{path}%00",
    "{path}%00.css",
    "{path}%20",
    "{path}%09",
    "{path}%0a",
    "{path}%0d%0a",
    "{path}%2f",
    "{path}%3f",
    "{path}%23",
    "{path}.",
    "{path}.json",
    "{path}.css",
    "{path}\\",
    "{path}%5c",
];

const SPELLINGS: &[&str] = &[
    "{encoded}",
    "{twice}",
    "{folder}/{title}",
    "/{slashes}",
    "/{back}",
    "\\{back}",
    "/\\{back}",
    "{folder}%5c{last}",
    "{folder}%252f{last}",
    "{folder}%c0%af{last}",
    "{folder}%ef%bc%8f{last}",
];

const FROM_PUBLIC: &[&str] = &[
    "{control}{up}{path}",
    "{control}/..{up}{path}",
    "{control}/%2e%2e{path}",
    "{control}/.%2e{path}",
    "{control}/..%2f{rest}",
    "{control}/%2e%2e%2f{rest}",
    "{control}/..;{path}",
    "{control}/..;siege{path}",
    "{control};/..{path}",
    "{control}/..\\{rest}",
    "{control}\\..{path}",
    "{control}/..%5c{rest}",
    "{control}%2f..{path}",
    "{control}/%252e%252e{path}",
    "{control}{path}",
    "/static/..{path}",
    "/public/..{path}",
    "/assets/..%2f{rest}",
    "/favicon.ico/..{path}",
    "/robots.txt;/..{path}",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_spelled_in_many_ways() {
        let seen = |form| variants("/api/hello?a=1", "/health", &[form]).remove(0);

        assert_eq!(seen("{folder}//{last}"), "/api//hello?a=1");
        assert_eq!(seen("{control}{up}{path}"), "/health/../api/hello?a=1");
        assert_eq!(seen("{folder}/{title}"), "/api/Hello?a=1");
        assert_eq!(seen("/{slashes}"), "/api%2fhello?a=1");
        assert_eq!(seen("/{back}"), "/api\\hello?a=1");
        assert!(seen("{encoded}").starts_with("/%61%70%69/%68"));
        assert!(seen("{twice}").starts_with("/%2561"));
    }

    #[test]
    fn what_is_only_a_slash_has_no_other_spelling() {
        assert!(variants("/", "/health", SLASHES).is_empty());
        assert!(!variants("/a", "/", FROM_PUBLIC).is_empty());
    }
}
