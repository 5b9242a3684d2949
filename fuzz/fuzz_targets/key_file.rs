//! What is wrong with a file of keys, or a list of them, is told with its place and without a value.

#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use portcullis::api_key::Keys;
use toml::de::{DeTable, DeValue};

fuzz_target!(|text: &str| {
    if let Err(error) = Keys::from_toml(text) {
        let lines = text.split('\n').count();
        let problems = error.problems().filter(|one| *one != "there is no key");
        let problems = problems.map(|one| words(one, "line ", lines));
        shown(text).has_no_value_in(problems);
    }
    if let Err(error) = Keys::parse(text) {
        let problems = error.problems().filter(|one| *one != "API keys: no key");
        let problems = problems.map(|one| words(one, "API keys: entry ", text.len()));
        let values = vec![text.to_owned()];
        let shown = Shown {
            values,
            ..Shown::default()
        };
        shown.has_no_value_in(problems);
    }
});

/// What is in a file: names of fields, which may be in a message, and values, which may not.
#[derive(Default)]
struct Shown {
    names: String,
    values: Vec<String>,
}

fn shown(text: &str) -> Shown {
    let mut shown = Shown::default();
    let (document, _) = DeTable::parse_recoverable(text);
    shown.table(document.get_ref());
    shown
}

// ===== impl Shown =====

impl Shown {
    fn table(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            self.names.extend(name.get_ref().escape_debug());
            self.names.push('.');
            self.value(value.get_ref());
        }
    }

    fn value(&mut self, value: &DeValue<'_>) {
        match value {
            DeValue::String(text) => self.values.push(text.to_string()),
            DeValue::Array(values) => values.iter().for_each(|value| self.value(value.get_ref())),
            DeValue::Table(table) => self.table(table),
            _ => {}
        }
    }

    /// No eight bytes of a value are in a message behind the field, if four are digits: those of a message's
    /// own words have fewer, or are known.
    fn has_no_value_in<'p>(&self, problems: impl Iterator<Item = &'p str>) {
        let values: HashSet<_> = self.values.iter().flat_map(|value| parts(value)).collect();
        for problem in problems.filter(|_| !self.names.contains(": ")) {
            let problem = problem.split_once(": ").map_or(problem, |(_, words)| words);
            for part in parts(problem).filter(|part| values.contains(part)) {
                let is_in = |text: &str| parts(text).any(|other| other == part);
                assert!(
                    WORDS.into_iter().any(is_in),
                    "{problem}: {}",
                    part.escape_ascii()
                );
            }
        }
    }
}

/// What a problem is, behind its place: a number up to `most`.
fn words<'p>(problem: &'p str, start: &str, most: usize) -> &'p str {
    assert!(!problem.contains(char::is_control), "{problem:?}");
    let place = problem
        .strip_prefix(start)
        .and_then(|rest| rest.split_once(": "));
    let (number, words) = place.unwrap_or_else(|| panic!("{problem}"));
    let number = number.parse().unwrap();
    assert!((1..=most).contains(&number), "{problem}");
    words
}

fn parts(text: &str) -> impl Iterator<Item = &[u8]> {
    let parts = text.as_bytes().windows(8);
    let digits = |part: &&[u8]| part.iter().filter(|byte| byte.is_ascii_digit()).count();
    parts.filter(move |part| digits(part) >= 4)
}

/// Words of messages that have so many.
const WORDS: [&str; 2] = [
    "it is 1 to 128 bytes without control characters",
    "it is a date and time with an offset, since 1970: 2027-01-01T00:00:00Z",
];
