//! The paths that Rust code names.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A path, and the name by which the code knows its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) name: String,
}

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a text says as code: without comments, and without the unit tests at its end.
pub(super) fn code(text: &str) -> String {
    let tested = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = tested.unwrap_or_default().lines();
    let code = lines.map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// Every path in code that starts so (`crate::`, `super::`, `pub use `), without its start. Of a
/// tree in braces each branch.
pub(super) fn paths(code: &str, start: &str) -> Vec<Named> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        let goes_on = |c: char| c.is_alphanumeric() || "_:".contains(c);
        if !code[..at].ends_with(goes_on) {
            spread("", &code[at + start.len()..], &mut found);
        }
    }
    found
}

/// Notes each branch of the tree that a text starts with, and returns the rest of the text.
fn spread<'t>(above: &str, text: &'t str, found: &mut Vec<Named>) -> &'t str {
    let text = text.trim_start();
    if let Some(branches) = text.strip_prefix('{') {
        return spread_all(above, branches, found);
    }
    let (name, rest) = word(text);
    let path = [above, name].concat();
    if let Some(below) = rest
        .strip_prefix("::")
        .filter(|below| !below.starts_with('<'))
    {
        return spread(&format!("{path}::"), below, found);
    }
    let alias = rest.strip_prefix(" as ").map(word);
    let (name, rest) = alias.unwrap_or((name, rest));
    let name = name.to_owned();
    found.push(Named { path, name });
    rest
}

fn spread_all<'t>(above: &str, branches: &'t str, found: &mut Vec<Named>) -> &'t str {
    let mut rest = branches;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        match rest.strip_prefix('}') {
            Some(after) => return after,
            None if word(rest).0.is_empty() && !rest.starts_with('{') => return rest,
            None => rest = spread(above, rest, found),
        }
    }
}

fn word(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_alphanumeric() || "_*".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[test]
fn a_tree_is_spread_out() {
    let text = "
        use crate::{Health, a::{self, B as C, d::*}}; // crate::comment
        fn f() { crate::e::F::<u8>::new(); $crate::g!(); mycrate::h(); }
        #[cfg(test)]\nmod tests { use crate::only_tested; }";
    let found = paths(&code(&text.replace("        #[", "#[")), "crate::");
    let found: Vec<_> = found
        .iter()
        .map(|found| (&*found.path, &*found.name))
        .collect();

    let expected = [
        ("Health", "Health"),
        ("a::self", "self"),
        ("a::B", "C"),
        ("a::d::*", "*"),
        ("e::F", "F"),
        ("g", "g"),
    ];
    assert_eq!(found, expected);
}
