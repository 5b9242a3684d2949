//! Every form of a report, read by what others read it with.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use portcullis_siege::{CATALOGUE, Level, Report};
use portcullis_tests::{program::Folder, reports::report};
use serde_json::Value;

const COUNTS: [usize; 3] = [0, 1, 100];

#[test]
fn json_is_valid_against_the_published_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let parse = |report: &Report| -> Value { serde_json::from_str(&report.to_json()).unwrap() };

    for count in COUNTS {
        assert!(schema.validate(&parse(&report(count))).is_ok());
    }
    let mut wrong = parse(&report(1));
    wrong["outcomes"][0]["verdict"]["is"] = "fine".into();
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn junit_is_read_by_a_parser_of_others() {
    for count in COUNTS {
        let report = report(count);
        let suites = junit_parser::from_reader(report.to_junit().as_bytes()).unwrap();

        // What no server must hold fails nothing: it is skipped.
        let must = report
            .breaches()
            .filter(|outcome| outcome.level == Level::Must);
        let must = must.count();

        assert_eq!(
            (suites.tests, suites.failures),
            (CATALOGUE.len() as u64, must as u64)
        );
        let cases = suites.suites.iter().flat_map(|suite| &suite.cases);
        let failed = cases
            .clone()
            .filter(|case| case.status.is_failure())
            .count();
        let skipped = cases.filter(|case| case.status.is_skipped()).count();
        let summed = report.count();
        let lesser = summed.breached - must;
        assert_eq!((failed, skipped), (must, summed.not_tested + lesser));
    }
}

/// Wants the validator: `cargo xtask sarif` installs it, and runs this.
#[test]
#[ignore = "cargo xtask sarif"]
fn sarif_has_no_error_and_no_warning() {
    let folder = Folder::new("sarif");
    for count in COUNTS {
        let found = validate(&folder, &report(count).to_sarif());
        assert_eq!(found.len(), 0, "{found:#?}");
    }
    // Without this the silence above would prove nothing.
    let mut wrong: Value = serde_json::from_str(&report(1).to_sarif()).unwrap();
    wrong["runs"][0]["results"][0]["ruleIndex"] = 999.into();
    assert_ne!(validate(&folder, &wrong.to_string()).len(), 0);
}

/// What Microsoft's validator finds.
fn validate(folder: &Folder, sarif: &str) -> Vec<Value> {
    let (file, found) = (
        folder.path().join("a.sarif"),
        folder.path().join("found.sarif"),
    );
    fs::write(&file, sarif).unwrap();
    let mut command = Command::new(validator());
    command
        .arg("validate")
        .arg(&file)
        .arg("--output")
        .arg(&found);
    command.args(["--log", "ForceOverwrite", "--rule-kind", "Sarif"]);
    let Output { stdout, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(
        said.contains("1 files scanned") || said.contains("1 file scanned"),
        "{said}"
    );
    let log: Value = serde_json::from_str(&fs::read_to_string(found).unwrap()).unwrap();
    let results = log["runs"][0]["results"].as_array().cloned();
    let notes = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
        .as_array()
        .cloned();
    [results, notes].into_iter().flatten().flatten().collect()
}

fn validator() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("target/tools/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool")
}

const SCHEMA: &str = include_str!("../../../docs/siege-report.schema.json");
