//! `portcullis siege --list`: the catalogue.

use portcullis_siege::{Attack, CATALOGUE, CHECKLIST, ELSEWHERE, Group, Line};

use crate::arguments::Format;

/// Returns every attack, for a terminal or as Markdown.
pub(crate) fn list(format: Format) -> String {
    match format {
        Format::Markdown => markdown(),
        _ => text(),
    }
}

/// Returns two lines for each, for a terminal.
fn text() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        text.push_str(&format!("\n{}  {}\n", group.letter(), group.title()));
        let attacks = CATALOGUE.iter().filter(|attack| attack.group() == group);
        let before = text.len();
        for attack in attacks {
            let (id, level, title, expects) =
                (attack.id, attack.level, attack.title, attack.expects);
            text.push_str(&format!(
                "  {id}  {level:<7}  {title}\n                {expects}\n"
            ));
        }
        if text.len() == before {
            text.push_str("  not examined yet\n");
        }
    }
    text + &format!("\n{} attacks\n", CATALOGUE.len())
}

fn markdown() -> String {
    let mut text = format!(
        "# The catalogue\n\n{} attacks. Written by `portcullis siege --list --format markdown`.\n",
        CATALOGUE.len()
    );
    for group in Group::ALL {
        text.push_str(&format!("\n## {}: {}\n\n", group.letter(), group.title()));
        let rows: String = CATALOGUE
            .iter()
            .filter(|attack| attack.group() == group)
            .map(row)
            .collect();
        if rows.is_empty() {
            text.push_str("Not examined yet.\n");
        } else {
            text.push_str(&(HEAD.to_owned() + &rows));
        }
    }
    let elsewhere = ELSEWHERE.iter();
    let elsewhere = elsewhere.map(|(id, what, place)| format!("| {id} | {what} | {place} |\n"));
    let lines: String = CHECKLIST.iter().map(line).collect();
    text + THE_CHECKLIST + &lines + NOT_FROM_OUTSIDE + &elsewhere.collect::<String>()
}

/// A line of the checklist, with the attacks that test it.
fn line(line: &Line) -> String {
    let attacks = CATALOGUE.iter();
    let attacks = attacks.filter(|attack| attack.lines.contains(&line.id));
    let links = attacks.map(|attack| format!("[{}](#{})", attack.id, attack.id.to_lowercase()));
    let by = match line.elsewhere {
        Some(why) => format!("not from outside: {why}"),
        None => links.collect::<Vec<_>>().join(" "),
    };
    format!("| {} | {} | {} | {by} |\n", line.id, line.part, line.text)
}

fn row(attack: &Attack) -> String {
    let lines = attack.lines.iter().map(|line| (*line).to_owned());
    let owasp = attack.owasp.iter().map(|row| format!("OWASP {row}"));
    let asvs = attack.asvs.iter().map(|row| format!("ASVS {row}"));
    let tests: Vec<_> = lines.chain(owasp).chain(asvs).collect();
    format!(
        "| <a id=\"{}\"></a>{} | {} | {} | {} | {} | {} | {} | {} |\n",
        attack.id.to_lowercase(),
        attack.id,
        attack.level,
        attack.severity,
        attack.title,
        attack.expects,
        attack.fix,
        tests.join(", "),
        attack.reference
    )
}

const HEAD: &str = "\
| | level | severity | what is sent | what a hardened server does | fix | tests | source |
|---|---|---|---|---|---|---|---|
";

const THE_CHECKLIST: &str = "
## The checklist

What a report calls its lines, and the attacks that test each.

| | part | text | tested by |
|---|---|---|---|
";

const NOT_FROM_OUTSIDE: &str = "
## What can't be seen from outside

| | what | tested in |
|---|---|---|
";
