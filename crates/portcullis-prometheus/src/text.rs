//! Prometheus' own text format, version 0.0.4, from OpenMetrics' text.
//!
//! The two differ little (OpenMetrics 1.0.0, "Text format"; Prometheus, "Exposition formats"): a
//! counter is declared by the name of its sample, `_total` and all, an `info` is a gauge, an `unknown`
//! is `untyped`, a quote in a help text is not escaped, and there are no units, exemplars, and no last line.
//! What is no line of OpenMetrics is left out.

use crate::help::without_quotes;

/// Returns the same metrics in the format 0.0.4.
pub(crate) fn from_openmetrics(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // The type comes after the help, and decides on the name.
    let mut help = "";
    for line in openmetrics.split('\n') {
        if let Some(of_name) = line.strip_prefix("# HELP ") {
            help = of_name;
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            declare(declared, std::mem::take(&mut help), &mut text);
        } else if !line.starts_with('#') && !line.is_empty() {
            text.push_str(sample(line));
            text.push('\n');
        }
    }
    text
}

fn declare(declared: &str, help: &str, text: &mut String) {
    let (name, kind) = declared.rsplit_once(' ').unwrap_or((declared, "unknown"));
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        kind => ("", kind),
    };
    let help = help.strip_prefix(name).unwrap_or_default().trim_start();
    if !help.is_empty() {
        text.extend(["# HELP ", name, suffix, " ", &without_quotes(help), "\n"]);
    }
    text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
}

/// Returns a sample without its exemplar.
fn sample(line: &str) -> &str {
    let after = line
        .find(['{', ' '])
        .map_or(0, |at| match line.as_bytes()[at] {
            b'{' => at + end_of_labels(&line[at..]),
            _ => at,
        });
    let end = line[after..]
        .find(" # ")
        .map_or(line.len(), |at| after + at);
    &line[..end]
}

/// Returns the length of labels in braces. A value may have braces, and quotes behind a backslash.
fn end_of_labels(labels: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in labels.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'}' if !is_quoted => return at + 1,
            _ => {}
        }
    }
    labels.len()
}
