//! What a PromQL expression selects: as much of the language as names of metrics and labels need.

/// What an expression names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub(super) selectors: Vec<Selector>,
    /// Labels of `by`, `on`, `group_left` and their like.
    pub(super) groupings: Vec<String>,
}

/// A metric, with what its labels must match.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub(super) operator: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name, of a metric, a label, a function or an operator.
    Word(String),
    Text(String),
    Sign(String),
}

use Token::{Sign, Text, Word};

// ===== impl Names =====

impl Names {
    /// Reads an expression. What promtool refuses is read somehow.
    pub(super) fn of(expression: &str) -> Self {
        let tokens = tokens(expression);
        let mut names = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            at += names.read(&tokens[at..]);
        }
        names
    }

    /// Reads from the first token on. Returns how many were read.
    fn read(&mut self, tokens: &[Token]) -> usize {
        let next = tokens.get(1);
        match &tokens[0] {
            Word(word) if LISTED.contains(&&**word) => self.read_grouping(tokens),
            // A function, or an aggregation of which the labels come first.
            Word(_) if is_sign(next, "(") || is_word(next, &["by", "without"]) => 1,
            Word(word) if OPERATORS.contains(&&**word) => 1,
            Word(word) => {
                let (matchers, length) = matchers(&tokens[1..]);
                let metric = word.clone();
                self.selectors.push(Selector { metric, matchers });
                1 + length
            }
            Sign(_) | Text(_) => 1,
        }
    }

    fn read_grouping(&mut self, tokens: &[Token]) -> usize {
        if !is_sign(tokens.get(1), "(") {
            // `group_left` without labels.
            return 1;
        }
        let list = tokens[2..].iter();
        let list: Vec<_> = list.take_while(|token| **token != sign(")")).collect();
        self.groupings
            .extend(list.iter().filter_map(|token| match token {
                Word(label) => Some(label.clone()),
                Sign(_) | Text(_) => None,
            }));
        list.len() + 3
    }
}

/// Reads `{label="value", ..}`, if it is there. Returns how many tokens it was.
fn matchers(tokens: &[Token]) -> (Vec<Matcher>, usize) {
    if !is_sign(tokens.first(), "{") {
        return (Vec::new(), 0);
    }
    let inner = tokens[1..].iter();
    let inner: Vec<_> = inner.take_while(|token| **token != sign("}")).collect();
    let triples = inner.split(|token| **token == sign(","));
    let matchers = triples.filter_map(|triple| match triple {
        [Word(label), Sign(operator), Text(value)] => Some(Matcher {
            label: label.clone(),
            operator: operator.clone(),
            value: value.clone(),
        }),
        _ => None,
    });
    (matchers.collect(), inner.len() + 2)
}

/// Cuts an expression into tokens, without numbers, and without durations in brackets.
fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => text(rest, first),
            '[' => (None, rest.find(']').map_or(rest.len(), |end| end + 1)),
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            _ if first.is_ascii_digit() => (
                None,
                length(rest, |c| c.is_ascii_alphanumeric() || c == '.'),
            ),
            _ if is_of_word(first) => word(rest),
            _ => operator(rest, first),
        };
        tokens.extend(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Reads a quoted text. No rule has an escaped quote.
fn text(rest: &str, quote: char) -> (Option<Token>, usize) {
    let inner = &rest[1..];
    let end = inner.find(quote).unwrap_or(inner.len());
    (
        Some(Text(inner[..end].to_owned())),
        (end + 2).min(rest.len()),
    )
}

fn word(rest: &str) -> (Option<Token>, usize) {
    let length = length(rest, |c| is_of_word(c) || c.is_ascii_digit());
    (Some(Word(rest[..length].to_owned())), length)
}

fn operator(rest: &str, first: char) -> (Option<Token>, usize) {
    let two = ["=~", "!~", "!=", "==", ">=", "<="];
    let found = two.iter().find(|two| rest.starts_with(**two));
    let text = found.map_or_else(|| first.to_string(), |two| (*two).to_owned());
    let length = text.len();
    (Some(Sign(text)), length)
}

fn length(rest: &str, is_part: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !is_part(c)).unwrap_or(rest.len())
}

/// `:` is part of the names of recorded series, and `$` begins a variable of Grafana.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | ':' | '$')
}

fn is_sign(token: Option<&Token>, text: &str) -> bool {
    matches!(token, Some(Sign(sign)) if sign == text)
}

fn is_word(token: Option<&Token>, words: &[&str]) -> bool {
    matches!(token, Some(Word(word)) if words.contains(&&**word))
}

fn sign(text: &str) -> Token {
    Sign(text.to_owned())
}

/// A list of labels may follow.
const LISTED: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

const OPERATORS: [&str; 7] = ["and", "or", "unless", "offset", "bool", "Inf", "NaN"];

mod tests {
    use super::*;

    fn selector(metric: &str, matchers: &[(&str, &str, &str)]) -> Selector {
        let matchers = matchers.iter().map(|(label, operator, value)| Matcher {
            label: (*label).to_owned(),
            operator: (*operator).to_owned(),
            value: (*value).to_owned(),
        });
        Selector {
            metric: metric.to_owned(),
            matchers: matchers.collect(),
        }
    }

    #[test]
    fn functions_numbers_and_durations_are_no_metrics() {
        let names =
            Names::of("histogram_quantile(0.99, rate(some_bucket[5m] offset 1h)) > 1e3 * bool 2");

        assert_eq!(names.selectors, [selector("some_bucket", &[])]);
    }

    #[test]
    fn labels_may_come_before_or_after_what_is_aggregated() {
        let names = Names::of("sum by (le, job) (a) / on (x) group_left count(b) without (y)");

        let metrics: Vec<_> = names.selectors.iter().map(|s| &*s.metric).collect();
        assert_eq!(metrics, ["a", "b"]);
        assert_eq!(names.groupings, ["le", "job", "x", "y"]);
    }

    #[test]
    fn matchers_may_have_braces_commas_and_brackets_in_their_values() {
        let names = Names::of("a{one=\"{x}, [y]\", two!~'(.*/)?z'}[$__rate_interval] unless a");

        let matchers = [("one", "=", "{x}, [y]"), ("two", "!~", "(.*/)?z")];
        assert_eq!(
            names.selectors,
            [selector("a", &matchers), selector("a", &[])]
        );
    }

    #[test]
    fn recorded_names_comments_and_lines_are_read() {
        let names = Names::of("# why\njob:a:rate5m{\n  le=\"+Inf\"\n}\nand on (job) up == 0");

        let found = [
            selector("job:a:rate5m", &[("le", "=", "+Inf")]),
            selector("up", &[]),
        ];
        assert_eq!(names.selectors, found);
    }

    #[test]
    fn what_is_cut_off_ends() {
        for text in ["a{", "a{b=\"", "sum by (", "sum by", "a[5m", "é"] {
            Names::of(text);
        }
    }
}
