//! The documentation of each layer has the same sections, in the same order.

use std::fs;

use super::paths::{read, root};

/// In this order. The first four are in each module.
const SECTIONS: [&str; 7] = [
    "What happens",
    "Example",
    "Order",
    "Configuration",
    "Rejections",
    "Telemetry",
    "Security considerations",
];

/// The headings of a module's documentation, but for those in code.
fn headings(text: &str) -> Vec<&str> {
    let docs = text.lines().map_while(|line| line.strip_prefix("//!"));
    let mut is_code = false;
    let outside = docs.filter(|line| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code
    });
    outside
        .filter_map(|line| line.strip_prefix(" # "))
        .collect()
}

/// What is wrong with the sections of a module.
fn problem(text: &str) -> Option<String> {
    let headings = headings(text);
    let places: Vec<_> = headings
        .iter()
        .filter_map(|heading| SECTIONS.iter().position(|section| section == heading))
        .collect();
    let missing = SECTIONS[..4]
        .iter()
        .find(|section| !headings.contains(section));
    let missing = missing.map(|section| format!("{section:?} is missing"));
    let is_in_order = places.is_sorted_by(|above, below| above < below);
    missing.or_else(|| (!is_in_order).then(|| format!("not in order: {headings:?}")))
}

/// The modules of layers: those that name one.
fn layers() -> Vec<(String, String)> {
    let source = root().join("crates/portcullis/src");
    let entries = fs::read_dir(source).into_iter().flatten().flatten();
    let files = entries.map(|entry| match entry.path() {
        folder if folder.is_dir() => folder.join("mod.rs"),
        file => file,
    });
    let texts = files.map(|file| (file.display().to_string(), read(&file)));
    let is_layer = |text: &str| {
        text.lines().any(|line| {
            let named = line.strip_prefix("pub type ");
            named.is_some_and(|named| named.contains("Layer = Alone<"))
        })
    };
    texts.filter(|(_, text)| is_layer(text)).collect()
}

#[test]
fn the_sections_of_each_layer_are_there_and_in_order() {
    let layers = layers();

    assert!(layers.len() >= 10, "{}", layers.len());
    for (path, text) in layers {
        assert_eq!(problem(&text), None, "{path}");
    }
}

#[test]
fn would_notice_sections_that_are_not() {
    let docs = |headings: &[&str]| {
        let lines = headings.iter().map(|heading| format!("//! # {heading}\n"));
        lines.collect::<String>()
    };
    let fine = [
        "What happens",
        "Keys",
        "Example",
        "Order",
        "Configuration",
        "Telemetry",
    ];
    assert_eq!(problem(&docs(&fine)), None);
    let wrong = ["What happens", "Order", "Example", "Configuration"];
    assert!(problem(&docs(&wrong)).is_some_and(|problem| problem.starts_with("not in order")));
    let less = ["What happens", "Example", "Configuration"];
    assert_eq!(
        problem(&docs(&less)).as_deref(),
        Some("\"Order\" is missing")
    );
    let in_code = "//! # What happens\n//! ```\n//! # Order\n//! ```\n//! # Example\n";
    assert_eq!(headings(in_code), ["What happens", "Example"]);
}
