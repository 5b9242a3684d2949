//! Text for a terminal: the first thing people see.

use anstyle::{AnsiColor, Color, Style};

use super::{Changes, Outcome, Report, visible::visible};
use crate::{
    catalogue::{Group, Level},
    verdict::{Evidence, Mark, Verdict},
};

mod end;

/// Writes with colours, or without.
struct Page {
    text: String,
    color: bool,
    /// Columns of the terminal; whoever has none gets whole lines.
    width: Option<usize>,
    /// Whether evidence is shown in short: a file has all of it.
    is_brief: bool,
}

// ===== impl Report =====

impl Report {
    /// Returns the report for people, with all of every text.
    #[must_use]
    pub fn to_text(&self, color: bool) -> String {
        self.text(Page::new(color, None))
    }

    /// Returns the report for people, in whole lines: the first of what was sent and came back, and less
    /// of what no server must hold.
    #[must_use]
    pub fn to_brief(&self, color: bool) -> String {
        self.text(Page::new(color, None).brief())
    }

    /// Returns [`to_brief`](Self::to_brief) for a terminal of so many columns. Longer lines are cut.
    #[must_use]
    pub fn to_terminal(&self, color: bool, columns: usize) -> String {
        self.text(Page::new(color, Some(columns)).brief())
    }

    fn text(&self, mut page: Page) -> String {
        page.head(self);
        for group in Group::ALL {
            page.group(self, group);
        }
        page.breaches(self.worst_first());
        page.board(self);
        page.checklist(self);
        page.end(self);
        page.text
    }

    /// Returns what has changed since an earlier report, the breaches among it if that is worse, and the
    /// sums of this report.
    #[must_use]
    pub fn to_changes(&self, changes: &Changes, color: bool) -> String {
        let is_changed = |outcome: &&Outcome| changes.iter().any(|change| change.id == outcome.id);
        let mut page = Page::new(color, None).brief();
        page.text.push_str(&changes.to_text());
        if changes.is_worse() {
            page.breaches(self.worst_first().into_iter().filter(is_changed));
        }
        page.end(self);
        page.text
    }

    /// Returns only what was breached, and the sums.
    #[must_use]
    pub fn to_breaches(&self, color: bool) -> String {
        let mut page = Page::new(color, None);
        page.head(self);
        page.breaches(self.worst_first());
        page.end(self);
        page.text
    }
}

// ===== impl Page =====

impl Page {
    const fn new(color: bool, width: Option<usize>) -> Self {
        Self {
            text: String::new(),
            color,
            width,
            is_brief: false,
        }
    }

    const fn brief(mut self) -> Self {
        self.is_brief = true;
        self
    }

    /// A text behind so many columns.
    fn fit(&self, text: &str, behind: usize) -> String {
        let width = self
            .width
            .map(|width| width.saturating_sub(behind).max(SHORTEST));
        fit(text, width.unwrap_or(usize::MAX))
    }

    fn breaches<'r>(&mut self, outcomes: impl IntoIterator<Item = &'r Outcome>) {
        for outcome in outcomes {
            if let Verdict::Breached { evidence } = &outcome.verdict {
                self.breach(outcome, evidence);
            }
        }
    }

    fn head(&mut self, report: &Report) {
        let title = format!("siege of {}", report.target);
        self.line(&[(BOLD, &title), (DIM, &format!("  {}", report.intensity))]);
    }

    fn group(&mut self, report: &Report, group: Group) {
        let outcomes: Vec<_> = report
            .outcomes
            .iter()
            .filter(|outcome| outcome.group == group)
            .collect();
        if outcomes.is_empty() {
            return;
        }
        let tested: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.verdict.mark() != Mark::NotTested)
            .collect();
        let held = tested
            .iter()
            .filter(|outcome| outcome.verdict.is_held())
            .count();
        let grade = report.grade(group).map(|grade| format!(", grade {grade}"));
        let score = format!(
            "  {held} of {} held{}",
            tested.len(),
            grade.unwrap_or_default()
        );
        self.line(&[(PLAIN, "")]);
        self.line(&[
            (BOLD, &format!("{}  {}", group.letter(), group.title())),
            (DIM, &score),
        ]);
        for outcome in tested {
            self.outcome(outcome);
        }
        self.untested(&outcomes);
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let (mark, style) = sign(outcome);
        let level = match outcome.level {
            Level::Must => String::new(),
            level => format!(" ({level})"),
        };
        let title = format!("{}{level}", outcome.title);
        let title = fit(&title, self.width.map_or(usize::MAX, |_| TITLE));
        let said = self.fit(&outcome.text(), TITLE + 10);
        let note = if outcome.is_breached() { style } else { DIM };
        self.line(&[
            (style, &format!("  {mark} {}", outcome.id)),
            (PLAIN, &format!("  {title:<TITLE$}  ")),
            (note, &said),
        ]);
    }

    /// A line for each reason.
    fn untested(&mut self, outcomes: &[&Outcome]) {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for outcome in outcomes {
            let Verdict::NotTested { why } = &outcome.verdict else {
                continue;
            };
            match reasons.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, ids)) => ids.push(&outcome.id),
                None => reasons.push((why, vec![&outcome.id])),
            }
        }
        for (why, ids) in reasons {
            let ids = ids.join(" ");
            self.line(&[(DIM, &format!("  - {ids}  not tested: {}", clean(why)))]);
        }
    }

    fn breach(&mut self, outcome: &Outcome, evidence: &Evidence) {
        self.line(&[(PLAIN, "")]);
        let weight = format!("  {}, {}", outcome.level, outcome.severity);
        let title = format!("✘ {}  {}", outcome.id, clean(&outcome.title));
        self.line(&[(RED, &title), (DIM, &weight)]);
        let is_whole = !self.is_brief || outcome.level == Level::Must;
        // A name of ours alone tells others nothing.
        if is_whole || !outcome.fix.contains(' ') {
            self.pair("expected", &outcome.expects);
        }
        self.pair("seen", &evidence.what);
        if is_whole {
            self.block("sent", &evidence.sent);
            self.block("received", &evidence.received);
        }
        self.block("again", &evidence.repeat);
        self.pair("fix", &fix(&outcome.fix));
        if is_whole {
            self.pair("source", &outcome.reference);
        }
    }

    fn pair(&mut self, name: &str, text: &str) {
        self.line(&[(DIM, &format!("  {name:<9} ")), (PLAIN, &clean(text))]);
    }

    /// A text; in short its first lines; on a terminal each cut to the width.
    fn block(&mut self, name: &str, text: &str) {
        let lines: Vec<_> = text.lines().collect();
        let shown = if self.is_brief { SHOWN } else { lines.len() };
        for (i, line) in lines.iter().take(shown).enumerate() {
            let name = if i == 0 { name } else { "" };
            self.line(&[
                (DIM, &format!("  {name:<9} ")),
                (PLAIN, &self.fit(line, 12)),
            ]);
        }
        if lines.len() > shown {
            let more = format!("  {:<9} .. {} lines more", "", lines.len() - shown);
            self.line(&[(DIM, &more)]);
        }
    }

    fn line(&mut self, parts: &[(Style, &str)]) {
        for (style, text) in parts {
            if self.color {
                self.text.push_str(&format!("{style}{text}{style:#}"))
            } else {
                self.text.push_str(text)
            }
        }
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.text.push('\n');
    }
}

/// Returns the sign of an outcome, and its style.
const fn sign(outcome: &Outcome) -> (char, Style) {
    match outcome.verdict.mark() {
        _ if outcome.is_accepted() => ('~', YELLOW),
        Mark::Held => ('✔', GREEN),
        Mark::Breached => ('✘', RED),
        Mark::NotTested => ('-', DIM),
        Mark::CouldNotTell => ('?', YELLOW),
    }
}

/// A fix, for people who don't write Rust too.
fn fix(text: &str) -> String {
    let first = text.split([':', ' ', ';']).next().unwrap_or_default();
    let is_name = !first.contains('-') && first.chars().filter(|c| c.is_uppercase()).count() > 1;
    let is_ours = first == "serve" || is_name && first.chars().any(char::is_lowercase);
    if is_ours {
        format!("in portcullis: {text}")
    } else {
        text.to_owned()
    }
}

/// A text in so many columns, without anything a terminal would obey.
fn fit(text: &str, columns: usize) -> String {
    let text = clean(text);
    if text.chars().count() > columns {
        text.chars().take(columns - 1).chain(['…']).collect()
    } else {
        text
    }
}

/// A text in one line.
fn clean(text: &str) -> String {
    visible(text).replace('\n', " ")
}

const fn colored(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = colored(AnsiColor::Green);
const RED: Style = colored(AnsiColor::Red).bold();
const YELLOW: Style = colored(AnsiColor::Yellow);
const SHOWN: usize = 12;
/// Columns of an attack's title.
const TITLE: usize = 58;
/// A terminal may be as narrow as it likes.
const SHORTEST: usize = 20;
