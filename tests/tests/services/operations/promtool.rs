//! Prometheus' own reader of rules.

use std::{
    fs,
    process::{Command, Output},
};

use super::files;

/// Runs promtool in the repository's root. Returns what it printed.
pub(super) fn run(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("promtool");
    let output = command.args(arguments).current_dir(files::path("."));
    let Output {
        status,
        stdout,
        stderr,
    } = output.output().unwrap();
    let text = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let text = text.concat();
    if status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}

/// Has promtool read expressions, each as a rule.
pub(super) fn parse(expressions: &[String]) -> Result<String, String> {
    let mut rules = "groups:\n  - name: expressions\n    rules:\n".to_owned();
    for (at, expression) in expressions.iter().enumerate() {
        let expression = serde_json::to_string(expression).unwrap();
        rules += &format!("      - record: r{at}\n        expr: {expression}\n");
    }
    let path = std::env::temp_dir().join(format!("expressions-{}.yml", std::process::id()));
    fs::write(&path, rules).unwrap();
    let result = run(&["check", "rules", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    result
}
