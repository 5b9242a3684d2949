//! One page of HTML that needs nothing else: the failures first, then the checklist.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{LineVerdict, Outcome, Report, summary::not_examined, visible::visible};
use crate::{
    catalogue::{Group, Level, Line},
    verdict::{Evidence, Verdict},
};

// ===== impl Report =====

impl Report {
    /// Returns the report as a page of HTML, without scripts and without requests.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = format!("Siege of {}", self.target);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                    link rel="icon" href="data:,";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    (self.header(&title))
                    main {
                        (self.failures())
                        (self.acceptances())
                        (self.spine())
                        (self.others())
                        (self.everything())
                    }
                }
            }
        };
        visible(&page.into_string())
    }

    /// Returns the attacks that test no line.
    fn beyond(&self) -> Vec<&Outcome> {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|outcome| outcome.lines.is_empty())
            .collect()
    }

    fn header(&self, title: &str) -> Markup {
        let count = self.count();
        let must = self.worst_first();
        let must = must.partition_point(|outcome| outcome.level == Level::Must);
        let less = count.breached - must;
        let verdict = match must {
            0 => "Held".to_owned(),
            1 => "1 breach".to_owned(),
            many => format!("{many} breaches"),
        };
        let class = if self.is_held() { "held" } else { "breached" };
        let parts = [
            ("breached", count.breached),
            ("accepted", count.accepted),
            ("held", count.held),
            ("unclear", count.could_not_tell),
            ("untested", count.not_tested),
        ];
        html! {
            header {
                p.target { (title) ", " (self.intensity) }
                h1 class=(class) { (verdict) }
                div.bar role="img" aria-label=(format!("{} held, {} breached, {} could not tell, {} not tested", count.held, count.breached, count.could_not_tell, count.not_tested)) {
                    @for (name, many) in parts {
                        @if many > 0 { span class=(name) style=(format!("flex-grow:{many}")) {} }
                    }
                }
                p.counts {
                    span.held { (count.held) " held" } " "
                    span.breached { (count.breached) " breached" } " "
                    @if count.accepted > 0 { span.accepted { (count.accepted) " accepted" } " " }
                    span.unclear { (count.could_not_tell) " could not tell" } " "
                    span.untested { (count.not_tested) " not tested" }
                }
                @if less > 0 { p.untested { "Of what is breached, " (less) " is what no server must hold: it fails nothing." } }
                (self.report_card())
                @if let Some(why) = &self.stopped { p.unclear { "It ended early: " (why) "." } }
            }
        }
    }

    fn report_card(&self) -> Markup {
        let grades = Group::ALL
            .into_iter()
            .filter_map(|group| Some((group, self.grade(group)?)));
        html! {
            ul.grades {
                @for (group, grade) in grades {
                    li { strong.{ "grade-" (grade) } { (grade) } " " (group.letter()) " " (group.title()) }
                }
            }
        }
    }

    fn failures(&self) -> Markup {
        let breaches = self.worst_first();
        let is_open = breaches.len() <= OPEN;
        html! {
            section {
                h2 { "Breached" }
                @if breaches.is_empty() { p { "Nothing." } }
                @for outcome in breaches {
                    @if let Verdict::Breached { evidence } = &outcome.verdict { (failure(outcome, evidence, is_open)) }
                }
            }
        }
    }

    fn acceptances(&self) -> Markup {
        let accepted: Vec<_> = self.accepted().collect();
        html! {
            @if !accepted.is_empty() {
                section { h2 { "Accepted" } (attacks(&accepted)) }
            }
        }
    }

    fn spine(&self) -> Markup {
        let lines = self.lines();
        let mut parts: Vec<&str> = lines.iter().map(|(line, ..)| line.part).collect();
        parts.dedup();
        html! {
            section {
                h2 { "The checklist" }
                @for part in parts {
                    h3 { (part) }
                    @for (line, verdict, outcomes) in lines.iter().filter(|(line, ..)| line.part == part) {
                        (spine_line(line, *verdict, outcomes))
                    }
                }
            }
        }
    }

    fn others(&self) -> Markup {
        let beyond = self.beyond();
        html! {
            @if !beyond.is_empty() {
                section { h2 { "Beyond the checklist" } (attacks(&beyond)) }
            }
        }
    }

    fn everything(&self) -> Markup {
        let groups: Vec<_> = not_examined().map(Group::title).collect();
        let spent = &self.spent;
        html! {
            section {
                h2 { "Every attack" }
                @for group in Group::ALL {
                    @let outcomes: Vec<_> = self.outcomes.iter().filter(|outcome| outcome.group == group).collect();
                    @if !outcomes.is_empty() {
                        details { summary {
                            (group.letter()) " " (group.title())
                            @if let Some(grade) = self.grade(group) { ", grade " (grade) }
                        } (attacks(&outcomes)) }
                    }
                }
                p.untested { "Not examined: " (groups.join(", ")) "." }
                p.untested {
                    (format!("{:.1}", self.took_ms as f64 / 1000.0)) " s, " (spent.requests) " requests, "
                    (spent.connections) " connections, " (spent.bytes) " bytes sent."
                }
            }
        }
    }
}

fn failure(outcome: &Outcome, evidence: &Evidence, is_open: bool) -> Markup {
    let blocks = [
        ("sent", &evidence.sent),
        ("received", &evidence.received),
        ("again", &evidence.repeat),
    ];
    html! {
        details.failure open[is_open] id=(outcome.id) {
            summary { span.id { (outcome.id) } " " (outcome.title) " " em { (outcome.level) ", " (outcome.severity) } }
            dl {
                dt { "expected" } dd { (outcome.expects) }
                dt { "seen" } dd.breached { (evidence.what) }
                @for (name, text) in blocks {
                    @if !text.is_empty() { dt { (name) } dd { pre { (text) } } }
                }
                dt { "fix" } dd { (outcome.fix) }
                dt { "source" } dd { (outcome.reference) (rows(outcome)) }
            }
        }
    }
}

fn rows(outcome: &Outcome) -> Markup {
    html! {
        @for row in &outcome.owasp { " · OWASP " (row) }
        @for row in &outcome.asvs { " · ASVS " (row) }
    }
}

fn spine_line(line: &Line, verdict: LineVerdict, outcomes: &[&Outcome]) -> Markup {
    let class = match verdict {
        LineVerdict::Held => "held",
        LineVerdict::HeldInPart => "unclear",
        LineVerdict::Breached => "breached",
        LineVerdict::NotTested => "untested",
    };
    html! {
        details.line {
            summary {
                span class=(format!("verdict {class}")) { (verdict.name()) } " "
                span.id { (line.id) } " " (line.text)
            }
            @if outcomes.is_empty() {
                p.untested {
                    @if let Some(why) = line.elsewhere { "Not from outside: " (why) "." }
                    @else { "No attack tests this line yet." }
                }
            }
            (attacks(outcomes))
        }
    }
}

fn attacks(outcomes: &[&Outcome]) -> Markup {
    html! {
        ul {
            @for outcome in outcomes {
                li {
                    span class=(format!("verdict {}", class(outcome))) { (outcome.name()) } " "
                    @if outcome.is_breached() { a href=(format!("#{}", outcome.id)) { (outcome.id) } }
                    @else { span.id { (outcome.id) } }
                    " " (outcome.title) ": " em { (outcome.text()) }
                }
            }
        }
    }
}

const fn class(outcome: &Outcome) -> &'static str {
    match &outcome.verdict {
        _ if outcome.is_accepted() => "accepted",
        Verdict::Held { .. } => "held",
        Verdict::Breached { .. } => "breached",
        Verdict::NotTested { .. } => "untested",
        Verdict::CouldNotTell { .. } => "unclear",
    }
}

/// More than so many are a list first.
const OPEN: usize = 10;

const STYLE: &str = include_str!("style.css");
