//! Markdown: for a pull request or a page of documentation.

use super::{LineVerdict, Outcome, Report, summary::not_examined, visible::visible};
use crate::{
    catalogue::Group,
    verdict::{Evidence, Verdict},
};

// ===== impl Report =====

impl Report {
    /// Returns the report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let count = self.count();
        let mut page = format!(
            "# Siege of {}\n\n{} held, **{} breached**, {} accepted, {} not tested, {} could not tell; {}.\n",
            plain(&self.target),
            count.held,
            count.breached,
            count.accepted,
            count.not_tested,
            count.could_not_tell,
            self.intensity
        );
        if let Some(why) = &self.stopped {
            page.push_str(&format!("\nIt ended early: {}.\n", plain(why)));
        }
        self.breached(&mut page);
        self.accepted_in(&mut page);
        self.grades(&mut page);
        self.checklist(&mut page);
        self.attacks(&mut page);
        visible(&page)
    }

    fn breached(&self, page: &mut String) {
        if self.breaches().next().is_some() {
            page.push_str("\n## Breached\n");
        }
        for outcome in self.worst_first() {
            let Verdict::Breached { evidence } = &outcome.verdict else {
                continue;
            };
            page.push_str(&breach(outcome, evidence));
        }
    }

    fn accepted_in(&self, page: &mut String) {
        if self.accepted().next().is_some() {
            page.push_str("\n## Accepted\n\n");
        }
        for outcome in self.accepted() {
            let (id, name, text) = (&outcome.id, outcome.name(), plain(&outcome.text()));
            page.push_str(&format!(
                "- {id} {}: {name}: {text}\n",
                plain(&outcome.title)
            ));
        }
    }

    fn grades(&self, page: &mut String) {
        page.push_str("\n## Grades\n\n| | group | grade |\n|---|---|---|\n");
        let graded = Group::ALL.into_iter();
        let graded = graded.filter_map(|group| Some((group, self.grade(group)?)));
        page.extend(graded.map(|(group, grade)| {
            format!("| {} | {} | {grade} |\n", group.letter(), group.title())
        }));
    }

    fn checklist(&self, page: &mut String) {
        page.push_str("\n## The checklist\n\n| line | | verdict | by |\n|---|---|---|---|\n");
        for (line, verdict, outcomes) in self.lines() {
            let tested = outcomes
                .iter()
                .filter(|outcome| !matches!(outcome.verdict, Verdict::NotTested { .. }));
            let ids: Vec<_> = tested.map(|outcome| outcome.id.as_str()).collect();
            let name = match verdict {
                LineVerdict::Breached => "**breached**",
                other => other.name(),
            };
            let by = match line.elsewhere {
                Some(why) if outcomes.is_empty() => format!("not from outside: {}", plain(why)),
                _ => ids.join(" "),
            };
            page.push_str(&format!(
                "| {} | {} | {name} | {by} |\n",
                line.id,
                plain(line.text)
            ));
        }
    }

    fn attacks(&self, page: &mut String) {
        page.push_str("\n## Every attack\n\n| | attack | verdict | |\n|---|---|---|---|\n");
        for outcome in &self.outcomes {
            let (id, title) = (&outcome.id, plain(&outcome.title));
            let (name, text) = (outcome.name(), plain(&outcome.text()));
            page.push_str(&format!("| {id} | {title} | {name} | {text} |\n"));
        }
        let groups: Vec<_> = not_examined().map(|group| group.title()).collect();
        page.push_str(&format!("\nNot examined: {}.\n", groups.join(", ")));
    }
}

fn breach(outcome: &Outcome, evidence: &Evidence) -> String {
    let mut text = format!("\n### {} {}\n\n", outcome.id, plain(&outcome.title));
    text.push_str(&format!(
        "{}, {}. Expected: {}. Seen: {}.\n",
        outcome.level,
        outcome.severity,
        plain(&outcome.expects),
        plain(&evidence.what)
    ));
    for (name, part) in [
        ("Sent", &evidence.sent),
        ("Received", &evidence.received),
        ("Again", &evidence.repeat),
    ] {
        if !part.is_empty() {
            text.push_str(&format!("\n{name}:\n\n{}", fenced(part)));
        }
    }
    text + &format!(
        "\nFix: {}. Source: {}.\n",
        plain(&outcome.fix),
        plain(&outcome.reference)
    )
}

/// A block that nothing in the text can end.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

/// A text that means nothing to Markdown, HTML or a table.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => plain.extend(['\\', c]),
            '\n' => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
