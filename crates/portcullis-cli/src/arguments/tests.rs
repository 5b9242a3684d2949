//! What is read of a line, and what is said of a wrong one.

use super::*;

fn parse(line: &str) -> Result<Command, ConfigError> {
    Command::parse(line.split_whitespace())
}

#[test]
fn reads_what_was_typed() {
    assert_eq!(parse("help"), Ok(Command::Help));
    assert_eq!(parse("--version"), Ok(Command::Version));
    assert_eq!(parse("siege --version"), Ok(Command::Version));
    assert_eq!(parse("key new"), Ok(Command::KeyNew(NewKey::default())));
    assert_eq!(parse("key check"), Ok(Command::KeyCheck));
    assert_eq!(parse("key --help"), Ok(Command::KeyHelp));
}

#[test]
fn reads_what_is_to_be_verified() {
    let hash = "ab".repeat(32);
    let line = format!("audit verify a.jsonl --key env:AUDIT_KEY --anchor 7:{hash}");
    let Ok(Command::AuditVerify(audit)) = parse(&line) else {
        panic!("nothing to verify");
    };

    assert_eq!(audit.file, PathBuf::from("a.jsonl"));
    assert_eq!(audit.key.as_deref(), Some("AUDIT_KEY"));
    assert_eq!(audit.anchor.map(|anchor| anchor.lines()), Some(7));
}

#[test]
fn reads_a_siege() {
    let line = "siege http://127.0.0.1 --only A,B01 --route body=/b --intensity full --format html";
    let Ok(Command::Siege(siege)) = parse(line) else {
        panic!("no siege");
    };

    assert_eq!(siege.url.as_deref(), Some("http://127.0.0.1"));
    assert_eq!(siege.only, ["A", "B01"]);
    assert_eq!(siege.routes, [("body".to_owned(), "/b".to_owned())]);
    assert_eq!(
        (siege.intensity, siege.format),
        (Intensity::Full, Format::Html)
    );
}

#[test]
fn reads_a_siege_that_only_looks() {
    let line = "siege init http://127.0.0.1 --output a --force --key-header authorization";
    let Ok(Command::SiegeInit(siege)) = parse(line) else {
        panic!("nothing to look at");
    };
    assert!(siege.force);
    assert_eq!(siege.key_header.as_deref(), Some("authorization"));
    assert_eq!(siege.url.as_deref(), Some("http://127.0.0.1"));
    assert_eq!(siege.output, Some(PathBuf::from("a")));
}

#[test]
fn reports_what_is_wrong_in_one_line() {
    for line in [
        "",
        "key",
        "keys new",
        "key new --name",
        "key check pk_x",
        "key old",
        "key new x y",
        "audit",
        "audit verify",
        "audit verify a b",
        "audit verify a --key secret",
        "audit verify a --anchor 7",
        "siege a b",
        "siege --intensity mild",
        "siege --format pdf",
        "siege --route body",
        "siege --max-seconds soon",
        "siege --nothing",
        "siege http://127.0.0.1 --force",
    ] {
        let problem = parse(line).unwrap_err().to_string();
        assert!(!problem.contains('\n'), "{problem}");
    }
}
