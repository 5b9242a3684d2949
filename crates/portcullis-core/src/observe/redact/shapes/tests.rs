use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;

/// What secrets are made of, and what separates them.
const PIECES: [&str; 29] = [
    "pk",
    "_",
    "_",
    "__",
    "4fzq0m8c1x7d",
    "0123456789abcdefghijABCDEFGHIJ01",
    "0123456789abcdefghij0123456789abcdef",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij",
    "eyJ",
    "eyA",
    "hbGciOiJIUzI1NiJ9",
    ".",
    "-",
    "bearer",
    "Basic",
    "BEARER",
    " ",
    "+",
    "Authorization",
    "set-cookie",
    "X-Api-Key",
    ":",
    "\n",
    "AKIA",
    "ASIA",
    "IOSFODNN7EXAMPLE",
    "a",
    "=",
    "\u{e9}",
];

/// Of a text that is made of them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len()).prop_map(|at| PIECES[at]);
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Finds the same, looking at all words in their order, with those before.
fn find_slowly(text: &[u8]) -> Option<Range<usize>> {
    if text.len() < SHORTEST {
        return None;
    }
    let mut before: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for part in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        let word = at..at + part.len();
        at = word.end + 1;
        if part.len() >= SHORTEST_WORD
            && let Some(found) = judge_slowly(text, &word, &before)
        {
            return Some(found);
        }
        if part.is_empty() || text.get(word.end) != Some(&b'_') {
            before.clear();
        } else {
            before.push(word);
        }
    }
    None
}

fn judge_slowly(text: &[u8], word: &Range<usize>, before: &[Range<usize>]) -> Option<Range<usize>> {
    let bytes = &text[word.clone()];
    let lower = bytes.to_ascii_lowercase();
    let is_object = bytes.starts_with(b"eyJ")
        || bytes.len() > 8 && (bytes.starts_with(b"eyA") || bytes.starts_with(b"eyI"));
    let is_aws = bytes.starts_with(b"AKIA") || bytes.starts_with(b"ASIA");
    let is_long = bytes.len() >= SHORTEST_SECRET;
    match before {
        [.., prefix, id] if is_long && id.len() <= LONGEST_ID => Some(prefix.start..word.end),
        [.., id] if is_long && is_mixed(bytes) => Some(id.start..word.end),
        _ if is_object => object(text, word.start),
        _ if lower == b"bearer" => credentials(text, word.end, false),
        _ if lower == b"basic" => credentials(text, word.end, true),
        _ if is_aws && bytes.len() == 20 && is_upper(bytes) => Some(word.clone()),
        _ if lower == b"authorization" || lower == b"cookie" => value(text, word.end),
        _ if text[..word.end]
            .to_ascii_lowercase()
            .ends_with(b"x-api-key")
            && lower == b"key" =>
        {
            value(text, word.end)
        }
        _ => None,
    }
}

proptest! {
    #[test]
    fn the_same_is_found_as_word_by_word(pieces in pieces(), any: String) {
        for text in [pieces.as_bytes(), any.as_bytes()] {
            prop_assert_eq!(find(text), find_slowly(text));
        }
    }
}

#[test]
fn most_made_texts_are_tried_both_ways() {
    let mut runner = TestRunner::deterministic();
    let mut found = 0;
    for _ in 0..200 {
        let text = pieces().new_tree(&mut runner).unwrap().current();
        found += usize::from(find(text.as_bytes()).is_some());
    }
    assert!((20..180).contains(&found), "{found}");
}
