//! The measured rows as Markdown.

use std::fmt::Write;

use crate::{
    figures::{Figures, Row, Rows},
    goals::{Judged, Verdict},
    stack::Stack,
    stacks::BARE,
};

/// The table of stacks.
pub(crate) fn stacks(rows: &Rows) -> String {
    let mut text = String::from(
        "| stack | instructions | over bare | allocations | over bare | bytes | over bare \
         | of its peer | time here | what it has |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for row in &rows.0 {
        line(&mut text, &stack(rows, row));
    }
    text
}

/// The table of goals.
pub(crate) fn goals(all: &[Judged]) -> String {
    let mut text = String::from("| goal | at most | measured | |\n|---|---:|---:|---|\n");
    for goal in all {
        line(&mut text, &judged(goal));
    }
    text
}

/// One line of a table.
pub(crate) fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn stack(rows: &Rows, row: &Row) -> [String; 10] {
    let Row { stack, figures } = row;
    let bare = rows.get(BARE).unwrap_or_default();
    let added = rows.added(stack.name).filter(|_| stack.name != BARE);
    let added = |cell: fn(Figures) -> String| added.map(cell).unwrap_or_default();
    [
        stack.name.into(),
        grouped(figures.instructions),
        added(|more| grouped(more.instructions)),
        count(figures.allocations),
        added(|more| count(more.allocations)),
        grouped(figures.bytes),
        added(|more| grouped(more.bytes)),
        of_peer(rows, stack).unwrap_or_default(),
        format!("{:.2} ×", figures.nanoseconds / bare.nanoseconds),
        stack.has.into(),
    ]
}

/// Instructions over those of the peer: what each adds to the bare stack, or the whole of parts
/// that are no routers.
fn of_peer(rows: &Rows, stack: &Stack) -> Option<String> {
    let figures = |name| rows.added(name).or_else(|| rows.get(name));
    let (ours, theirs) = (figures(stack.name)?, figures(stack.peer?)?);
    Some(ratio(ours.instructions / theirs.instructions))
}

fn judged(goal: &Judged) -> [String; 4] {
    let (measured, said) = match goal.verdict {
        Verdict::Met(figure) => (ratio(figure), "met"),
        Verdict::Missed(figure) => (ratio(figure), "**missed**"),
        Verdict::NoSuchStack => (String::new(), "no such stack yet"),
    };
    [goal.name.into(), ratio(goal.at_most), measured, said.into()]
}

/// A ratio or a small number: two places, or none when they are zeros.
fn ratio(number: f64) -> String {
    let text = format!("{number:.2}");
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

/// A number of allocations: one place, or none when it is zero.
fn count(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A whole number with a comma between thousands.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::from(if number <= -0.5 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(grouped(-1_234.0), "-1,234");
        assert_eq!(grouped(-0.2), "0");
        assert_eq!(ratio(0.254), "0.25");
        assert_eq!(ratio(4096.0), "4096");
        assert_eq!(count(14.99), "15");
    }
}
