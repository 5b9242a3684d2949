//! Keys in evidence: a report is for other eyes than the siege's.

use crate::{profile::Keys, verdict::Evidence};

/// What stands in place of a key. The line that repeats an attack reads it from the environment.
const NAME: &str = "$SIEGE_KEY";
const QUOTED: &str = "'\"$SIEGE_KEY\"'";

impl Evidence {
    /// Without the keys, and without halves of them: attacks send keys that were changed.
    pub(crate) fn without(mut self, keys: &Keys) -> Self {
        let all = [&keys.valid, &keys.revoked, &keys.expired, &keys.unscoped];
        for key in all.into_iter().flatten() {
            for text in [&mut self.what, &mut self.sent, &mut self.received] {
                *text = hide(text, key, NAME);
            }
            self.repeat = hide(&in_shell(&self.repeat, key), key, NAME);
        }
        self
    }
}

/// A line for a shell that reads the key from a variable. Within single quotes nothing is expanded: they
/// end before it.
fn in_shell(line: &str, key: &str) -> String {
    let mut parts = line.split(key);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `'\''` is a quote within quotes.
        let is_quoted = hidden.replace(r"'\''", "").matches('\'').count() % 2 == 1;
        hidden.push_str(if is_quoted { QUOTED } else { NAME });
        hidden.push_str(part);
    }
    hidden
}

fn hide(text: &str, key: &str, name: &str) -> String {
    let text = text.replace(key, name);
    let middle = key.len() / 2;
    if key.is_ascii() && middle >= SHORTEST {
        hide_part(&hide_part(&text, &key[..middle]), &key[middle..])
    } else {
        text
    }
}

/// In whatever case.
fn hide_part(text: &str, part: &str) -> String {
    let (lower, part) = (text.to_ascii_lowercase(), part.to_ascii_lowercase());
    let (mut hidden, mut end) = (String::new(), 0);
    for (start, found) in lower.match_indices(&part) {
        hidden.push_str(&text[end..start]);
        hidden.push_str("[..]");
        end = start + found.len();
    }
    hidden + &text[end..]
}

/// A shorter half may stand anywhere.
const SHORTEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "pk_a1b2c3d4e5f6_SecretOfTheClient0123456789";

    fn seen(what: &str) -> Evidence {
        let keys = Keys {
            valid: Some(KEY.to_owned()),
            ..Keys::default()
        };
        let script = format!("printf 'x-api-key: {KEY}\\r\\n' | nc");
        Evidence::new(what)
            .sent(what)
            .received(what)
            .repeat(script)
            .without(&keys)
    }

    #[test]
    fn no_key_is_in_evidence_whole_or_changed() {
        let changed = [
            KEY.to_owned(),
            KEY.to_ascii_uppercase(),
            format!("{}X", &KEY[..KEY.len() - 1]),
            format!("{KEY}0"),
            KEY[3..].to_owned(),
        ];
        for key in changed {
            let evidence = seen(&format!("X-API-Key: {key}\r\n"));
            let all = format!("{evidence:?}").to_ascii_lowercase();

            assert!(!all.contains("secretoftheclient0123456789"), "{all}");
            assert!(!all.contains("a1b2c3d4e5f6_secret"), "{all}");
        }
    }

    #[test]
    fn the_line_that_repeats_it_reads_a_variable() {
        let evidence = seen("");

        assert_eq!(
            evidence.repeat,
            "printf 'x-api-key: '\"$SIEGE_KEY\"'\\r\\n' | nc"
        );
    }

    #[test]
    fn a_shell_expands_the_variable_wherever_it_stands() {
        let line = format!(r"curl -H 'a: it'\''s' -H {KEY} 'http://localhost/?key={KEY}'");

        assert_eq!(
            in_shell(&line, KEY),
            "curl -H 'a: it'\\''s' -H $SIEGE_KEY 'http://localhost/?key='\"$SIEGE_KEY\"''"
        );
    }
}
