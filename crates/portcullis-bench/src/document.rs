//! Writes a table between its markers in `docs/performance.md`.

use std::fs;

use crate::{Outcome, goals::Judged, report};

/// The document, in the working copy that this program was built from.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");

/// Prints a table and its goals, and writes them between the markers `name`.
pub(crate) fn write_table(name: &str, table: &str, goals: &[Judged]) -> Outcome<()> {
    let text = format!("{table}\n{}", report::goals(goals));
    write(name, &text)?;
    println!("{text}");
    Ok(())
}

/// Puts `body` between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
fn write(name: &str, body: &str) -> Outcome<()> {
    let text = fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    let text = replaced(&text, name, body).ok_or_else(|| format!("no markers {name} in {PATH}"))?;
    Ok(fs::write(PATH, text)?)
}

fn replaced(text: &str, name: &str, body: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        body.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_what_is_between_the_markers() {
        let text = "a\n<!-- x:begin -->old<!-- x:end -->\nb";

        let text = replaced(text, "x", "new\n");

        let expected = "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb";
        assert_eq!(text.as_deref(), Some(expected));
    }

    #[test]
    fn refuses_a_document_without_markers() {
        assert_eq!(replaced("a", "x", "new"), None);
    }
}
