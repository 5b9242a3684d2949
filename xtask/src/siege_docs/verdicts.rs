//! What a document says of a report: a verdict for each attack, and a line for each breach.

use serde_json::Value;

/// The verdicts of a report.
#[derive(Clone, Debug)]
pub(crate) struct Verdicts {
    intensity: String,
    attacks: Vec<Attack>,
}

/// An attack, and what came of it.
#[derive(Clone, Debug)]
struct Attack {
    id: String,
    group: String,
    title: String,
    verdict: Verdict,
    /// What is wrong; empty if nothing is.
    seen: String,
}

/// A verdict. The columns of the table have this order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Held,
    Breached,
    NotTested,
    CouldNotTell,
}

// ===== impl Verdicts =====

impl Verdicts {
    /// Reads a report, as `docs/siege-report.schema.json` describes it.
    pub(crate) fn from_json(report: &Value) -> Option<Self> {
        let outcomes = report["outcomes"].as_array()?.iter();
        Some(Self {
            intensity: text(&report["intensity"])?,
            attacks: outcomes.map(Attack::from_json).collect::<Option<_>>()?,
        })
    }

    /// Returns the attacks whose verdicts differ from another report's.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = self.attacks.iter().zip(&other.attacks);
        let differ = pairs.filter(|(one, other)| one.verdict != other.verdict);
        differ
            .map(|(one, other)| {
                let (before, after) = (one.verdict.name(), other.verdict.name());
                format!("{} {before} -> {after}", one.id)
            })
            .collect()
    }

    /// Returns the report as a section of a document.
    pub(crate) fn section(&self, title: &str) -> String {
        let [held, breached, not_tested, could_not_tell] = Verdict::ALL.map(|verdict| {
            let of = self
                .attacks
                .iter()
                .filter(|attack| attack.verdict == verdict);
            of.count()
        });
        let intensity = &self.intensity;
        let mut section = format!(
            "\n## {title}\n\n{held} held, **{breached} breached**, {not_tested} not tested, \
             {could_not_tell} could not tell; {intensity}.\n\n{HEAD}"
        );
        let groups = self.attacks.chunk_by(|one, other| one.group == other.group);
        section.extend(groups.map(row));
        section.push('\n');
        let breaches = self
            .attacks
            .iter()
            .filter(|attack| attack.verdict == Verdict::Breached);
        section.extend(breaches.map(Attack::line));
        section
    }
}

// ===== impl Attack =====

impl Attack {
    fn from_json(outcome: &Value) -> Option<Self> {
        let verdict = &outcome["verdict"];
        Some(Self {
            id: text(&outcome["id"])?,
            group: text(&outcome["group"])?,
            title: text(&outcome["title"])?,
            verdict: Verdict::from_name(verdict["is"].as_str()?)?,
            seen: text(&verdict["evidence"]["what"]).unwrap_or_default(),
        })
    }

    fn line(&self) -> String {
        let (id, title, seen) = (&self.id, plain(&self.title), plain(&self.seen));
        format!("- {id} {title}: {seen}\n")
    }
}

// ===== impl Verdict =====

impl Verdict {
    const ALL: [Self; 4] = [
        Self::Held,
        Self::Breached,
        Self::NotTested,
        Self::CouldNotTell,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Breached => "breached",
            Self::NotTested => "not-tested",
            Self::CouldNotTell => "could-not-tell",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// A row of the table: how many attacks of a group ended how, and which.
fn row(group: &[Attack]) -> String {
    let cells = Verdict::ALL.map(|verdict| {
        let of = group.iter().filter(|attack| attack.verdict == verdict);
        let ids: Vec<_> = of.map(|attack| attack.id.as_str()).collect();
        match ids.len() {
            0 => " |".to_owned(),
            count => format!(" {count}: {} |", ids.join(" ")),
        }
    });
    let letter = group[0].id.get(..1).unwrap_or_default();
    format!("| {letter} {} |{}\n", group[0].group, cells.concat())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A text that means nothing to Markdown or HTML.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

const HEAD: &str = "\
| group | held | breached | not tested | could not tell |
|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(second: &str) -> Verdicts {
        let outcome = |id: &str, group: &str, verdict: Value| json!({ "id": id, "group": group, "title": "a `title`", "verdict": verdict });
        let breached = json!({ "is": "breached", "evidence": { "what": "it answers\n<b>" } });
        let report = json!({ "intensity": "quick", "outcomes": [
            outcome("A01", "framing", json!({ "is": "held" })),
            outcome("A02", "framing", json!({ "is": second })),
            outcome("B01", "connections", breached),
        ]});
        Verdicts::from_json(&report).unwrap()
    }

    #[test]
    fn has_every_verdict_and_a_line_for_each_breach() {
        let section = report("not-tested").section("The demo");

        assert_eq!(
            section,
            "\n## The demo\n\n1 held, **1 breached**, 1 not tested, 0 could not tell; quick.\n\n\
             | group | held | breached | not tested | could not tell |\n|---|---|---|---|---|\n\
             | A framing | 1: A01 | | 1: A02 | |\n\
             | B connections | | 1: B01 | | |\n\n\
             - B01 a \\`title\\`: it answers &lt;b>\n"
        );
    }

    #[test]
    fn names_what_differs() {
        let (first, second) = (report("held"), report("could-not-tell"));

        assert!(first.differences(&first).is_empty());
        assert_eq!(first.differences(&second), ["A02 held -> could-not-tell"]);
    }

    #[test]
    fn what_is_no_report_is_noticed() {
        assert!(Verdicts::from_json(&json!({ "outcomes": [] })).is_none());
        let odd = json!({ "intensity": "quick", "outcomes": [{ "id": "A01" }] });
        assert!(Verdicts::from_json(&odd).is_none());
    }
}
