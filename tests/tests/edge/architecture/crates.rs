//! An arrow never points up between crates, and none has unsafe code.

use std::{collections::BTreeMap, fs};

use super::paths::{read, root};

/// Above all floors: nothing depends on it.
const PROGRAMS: u8 = 3;

/// Each library's floor, as ARCHITECTURE.md draws them.
fn floors(drawing: &str) -> BTreeMap<&str, u8> {
    let lines = drawing
        .lines()
        .filter_map(|line| line.strip_prefix("floor "));
    let floors = lines.flat_map(|line| {
        let (floor, crates) = line.split_once(' ').unwrap_or_default();
        let crates = crates
            .split_whitespace()
            .filter(|word| word.starts_with("portcullis"));
        crates.map(move |name| (name, floor.parse().unwrap_or(PROGRAMS)))
    });
    floors.collect()
}

/// The lines of a part of a manifest.
fn section<'m>(manifest: &'m str, name: &str) -> Vec<&'m str> {
    let lines = manifest
        .lines()
        .skip_while(|line| *line != format!("[{name}]"));
    lines
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .collect()
}

/// The manifests of all packages.
fn manifests() -> Vec<String> {
    let folders = ["crates", "examples", "tests", ""].map(|folder| root().join(folder));
    let inside = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let manifests = inside
        .flatten()
        .map(|entry| entry.path().join("Cargo.toml"));
    manifests.filter(|path| path.is_file()).map(read).collect()
}

fn name_of(manifest: &str) -> &str {
    let package = section(manifest, "package");
    let name = package.iter().find_map(|line| line.strip_prefix("name = "));
    name.unwrap_or_default().trim_matches('"')
}

/// The crates of this workspace that a crate uses at run time.
fn used(manifest: &str) -> Vec<&str> {
    let lines = section(manifest, "dependencies").into_iter();
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| name.starts_with("portcullis"))
        .collect()
}

/// Each arrow that does not point down.
fn wrong<'m>(manifest: &'m str, floors: &BTreeMap<&str, u8>) -> Vec<(&'m str, &'m str)> {
    let floor = |name: &str| floors.get(name).copied().unwrap_or(PROGRAMS);
    let user = name_of(manifest);
    let used = used(manifest).into_iter();
    used.filter(|used| floor(used) >= floor(user))
        .map(|used| (user, used))
        .collect()
}

#[test]
fn every_arrow_points_down() {
    let drawing = read("ARCHITECTURE.md");
    let floors = floors(&drawing);
    let manifests = manifests();
    assert_eq!(floors["portcullis-core"], 0);
    assert_eq!(
        floors["portcullis-test"], 1,
        "it stands on core, beside the layers"
    );
    assert!(floors["portcullis"] < floors["portcullis-axum"]);
    for name in floors.keys() {
        let is_there = manifests.iter().any(|manifest| name_of(manifest) == *name);
        assert!(is_there, "{name} is drawn, and not there");
    }

    assert!(manifests.len() > 10);
    for manifest in &manifests {
        assert_eq!(wrong(manifest, &floors), []);
    }
}

#[test]
fn would_notice_one_that_points_up() {
    let floors =
        floors("floor 1   portcullis  portcullis-redis (quotas)\nfloor 0   portcullis-core");
    let manifest = |name, uses| format!("[package]\nname = \"{name}\"\n\n[dependencies]\n{uses}\n");

    let up = manifest("portcullis-core", "portcullis = { workspace = true }");
    assert_eq!(wrong(&up, &floors), [("portcullis-core", "portcullis")]);
    let beside = manifest("portcullis", "portcullis-redis.workspace = true");
    assert_eq!(
        wrong(&beside, &floors),
        [("portcullis", "portcullis-redis")]
    );
    let down = manifest(
        "portcullis",
        "http = \"1\"\nportcullis-core.workspace = true",
    );
    assert_eq!(wrong(&down, &floors), []);
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let workspace = read("Cargo.toml");
    let lints = section(&workspace, "workspace.lints.rust");
    assert!(lints.contains(&"unsafe_code = \"forbid\""), "{lints:?}");

    // The fuzz targets are a workspace of their own, and what libFuzzer calls is no safe function.
    let is_ours = |manifest: &String| !manifest.lines().any(|line| line == "[workspace]");
    for manifest in manifests().into_iter().filter(is_ours) {
        let lints = section(&manifest, "lints");
        assert!(
            lints.contains(&"workspace = true"),
            "{}",
            name_of(&manifest)
        );
    }
}
