//! What is seen last is seen first: a mark for each attack, the checklist, the sums.

use super::{BOLD, DIM, GREEN, PLAIN, Page, RED, YELLOW, clean, sign};
use crate::{
    catalogue::{CHECKLIST, Group, Level},
    report::{LineVerdict, Report, summary::not_examined},
};

// ===== impl Page =====

impl Page {
    /// A line for each group, a mark for each attack: what is seen last is seen first.
    pub(super) fn board(&mut self, report: &Report) {
        self.line(&[(PLAIN, "")]);
        for group in Group::ALL {
            let outcomes = report.outcomes.iter();
            let outcomes: Vec<_> = outcomes.filter(|outcome| outcome.group == group).collect();
            if outcomes.is_empty() {
                continue;
            }
            let held = outcomes.iter().filter(|outcome| outcome.verdict.is_held());
            let breached = outcomes.iter().filter(|outcome| outcome.is_breached());
            let title = format!("{}  {:<40} ", group.letter(), group.title());
            let score = format!("{:>3} held  ", held.count());
            let breached = match breached.count() {
                0 => String::new(),
                many => format!("  {many} breached"),
            };
            let signs = outcomes.iter().map(|outcome| sign(outcome));
            let cells: Vec<_> = signs
                .map(|(sign, style)| (style, sign.to_string()))
                .collect();
            let cells = cells.iter().map(|(style, sign)| (*style, sign.as_str()));
            let head = [(BOLD, title.as_str()), (DIM, score.as_str())];
            let line: Vec<_> = head
                .into_iter()
                .chain(cells)
                .chain([(RED, breached.as_str())])
                .collect();
            self.line(&line);
        }
    }

    pub(super) fn checklist(&mut self, report: &Report) {
        let lines = report.lines();
        let ids = |wanted: LineVerdict| {
            let ids = lines.iter().filter(|(_, verdict, _)| *verdict == wanted);
            ids.map(|(line, ..)| line.id).collect::<Vec<_>>()
        };
        self.line(&[(PLAIN, "")]);
        self.line(&[(BOLD, &format!("the checklist, {} lines", CHECKLIST.len()))]);
        for (verdict, style) in [
            (LineVerdict::Breached, RED),
            (LineVerdict::Held, GREEN),
            (LineVerdict::HeldInPart, YELLOW),
            (LineVerdict::NotTested, DIM),
        ] {
            let ids = ids(verdict);
            let name = format!("  {:<12} {:>2}  ", verdict.name(), ids.len());
            for (i, ids) in ids.chunks(10).enumerate() {
                let name = if i == 0 {
                    name.as_str()
                } else {
                    "                   "
                };
                self.line(&[(style, name), (PLAIN, &ids.join(" "))]);
            }
        }
        let unseen = lines.iter();
        let unseen = unseen.filter(|(_, _, outcomes)| outcomes.is_empty());
        for (line, why) in unseen.filter_map(|(line, ..)| Some((line, line.elsewhere?))) {
            let why = self.fit(why, 40);
            self.line(&[(DIM, &format!("  not from outside: {:<8}  {why}", line.id))]);
        }
        let groups: Vec<_> = not_examined().map(|group| group.title()).collect();
        self.line(&[(
            DIM,
            &format!("  not examined: {}", groups.join(", ").to_lowercase()),
        )]);
    }

    pub(super) fn end(&mut self, report: &Report) {
        let count = report.count();
        let spent = &report.spent;
        self.line(&[(PLAIN, "")]);
        if let Some(why) = &report.stopped {
            self.line(&[(YELLOW, &format!("it ended early: {}", clean(why)))]);
        }
        let must = report
            .breaches()
            .filter(|outcome| outcome.level == Level::Must);
        let verdict = match (must.count(), count.breached) {
            _ if !report.is_tested() => (YELLOW, "nothing was tested".to_owned()),
            (0, 0) => (GREEN, "held".to_owned()),
            (0, others) => (
                GREEN,
                format!("held, but for {others} that no server must hold"),
            ),
            (must, all) => (
                RED,
                format!(
                    "breached: {must} that a server must hold, {all} of {}",
                    report.outcomes.len()
                ),
            ),
        };
        let accepted = match count.accepted {
            0 => String::new(),
            many => format!(", accepted {many}"),
        };
        let others = format!(
            "  held {}{accepted}, not tested {}, could not tell {}",
            count.held, count.not_tested, count.could_not_tell
        );
        let cost = format!(
            "  ({:.1} s, {} requests, {} connections)",
            report.took_ms as f64 / 1000.0,
            spent.requests,
            spent.connections
        );
        self.line(&[(verdict.0, &verdict.1), (PLAIN, &others), (DIM, &cost)]);
    }
}
