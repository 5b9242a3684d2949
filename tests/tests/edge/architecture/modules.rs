//! A guard's module uses core, the engine and itself; only the edge knows them all.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::paths::{code, paths, read, root};

const SOURCE: &str = "crates/portcullis/src";

/// What a module may use besides itself and core.
fn allowed(module: &str) -> &'static [&'static str] {
    match module {
        // It is around clients, not servers.
        "outbound" => &[],
        "engine" => &["lazy_timer"],
        // It turns `/ready` when it stops, and lets an edge answer what it can't read.
        "serve" => &[
            "edge",
            "first_of_minute",
            "health",
            "lazy_timer",
            "networks",
        ],
        // It counts in the limiter's tables.
        "lockout" => &["engine", "rate_limit"],
        "access_log" | "audit" => &["engine", "first_of_minute", "json_line"],
        "error_report" => &["first_of_minute"],
        "json_line" => &[],
        // It checks memory, and shows its details to networks.
        "health" => &["engine", "json_line", "memory", "networks"],
        "cors" => &["engine", "origins"],
        "cross_site" => &["cors", "engine", "origins"],
        "load_shed" => &["engine", "first_of_minute", "memory"],
        "api_key" | "jwt" | "signature" => &["credentials", "engine"],
        "client_ip" | "rate_limit" => &["engine", "networks"],
        _ => &["engine"],
    }
}

/// The crate's modules and what its root re-exports, as `lib.rs` has them.
struct Root {
    modules: Vec<String>,
    /// The name, and the module or crate that it is of.
    exports: Vec<(String, String)>,
}

impl Root {
    fn new(lib: &str) -> Self {
        let lib = code(lib);
        let modules = lib.lines().filter_map(|line| {
            let declared = line.trim_start_matches("pub ").strip_prefix("mod ")?;
            declared.strip_suffix(';').map(str::to_owned)
        });
        let exports = paths(&lib, "pub use ").into_iter().map(|export| {
            let path = export.path.trim_start_matches("self::");
            let owner = path.split("::").next().unwrap_or_default();
            (export.name, owner.to_owned())
        });
        Self {
            modules: modules.collect(),
            exports: exports.collect(),
        }
    }

    /// The module or crate that a name in the crate's root is of.
    fn owner<'a>(&'a self, path: &'a str) -> &'a str {
        let name = path.split("::").next().unwrap_or_default();
        if self.modules.iter().any(|module| module == name) {
            return name;
        }
        let exported = self.exports.iter().find(|(export, _)| export == name);
        exported.map_or(name, |(_, owner)| owner)
    }

    /// What a file so far below the root uses of it, whichever way.
    fn uses(&self, text: &str, depth: usize) -> BTreeSet<String> {
        let code = code(text);
        let ups = "super::".repeat(depth);
        let named = paths(&code, "crate::")
            .into_iter()
            .chain(paths(&code, &ups));
        named
            .map(|named| self.owner(&named.path).to_owned())
            .collect()
    }
}

/// A file, how many modules it is below the root, and its text.
type File = (PathBuf, usize, String);

/// Every file of a module but its tests.
fn files(module: &str) -> Vec<File> {
    let folder = root().join(SOURCE).join(module);
    let alone = folder.with_extension("rs");
    let mut files = files_in(&folder, 1);
    if alone.is_file() {
        let text = read(&alone);
        files.push((alone, 1, text));
    }
    files
}

fn files_in(folder: &Path, depth: usize) -> Vec<File> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("tests") {
            files.extend(files_in(&path, depth + 1));
        } else if path.is_file() && !path.ends_with("tests.rs") {
            let below = usize::from(!path.ends_with("mod.rs"));
            let text = read(&path);
            files.push((path, depth + below, text));
        }
    }
    files
}

#[test]
fn no_guard_uses_another() {
    let crate_root = Root::new(&read(format!("{SOURCE}/lib.rs")));
    for module in crate_root.modules.iter().filter(|module| *module != "edge") {
        let files = files(module);
        assert!(!files.is_empty(), "{module} has sources");
        for (path, depth, text) in files {
            for used in crate_root.uses(&text, depth) {
                let is_fine = used == *module || used == "portcullis_core";
                let is_fine = is_fine || allowed(module).contains(&&*used);
                assert!(is_fine, "{} uses {used}", path.display());
            }
        }
    }
}

#[test]
fn would_notice_one_that_does() {
    let lib = "
pub mod health;
mod engine;
pub use portcullis_core::{Guard, Reply};
pub use self::{edge::{Edge, Slot as Place}, health::Health};";
    let root = Root::new(lib);
    let used = |text, depth| root.uses(text, depth).into_iter().collect::<Vec<_>>();

    assert_eq!(root.modules, ["health", "engine"]);
    assert_eq!(used("use crate::Health;", 2), ["health"]);
    assert_eq!(
        used("use crate::{Guard, engine::Alone};", 2),
        ["engine", "portcullis_core"]
    );
    assert_eq!(used("fn f(_: crate::Place) {}", 2), ["edge"]);
    assert_eq!(
        used("use super::super::{health::State, Health};", 2),
        ["health"]
    );
    assert_eq!(used("use super::health;", 1), ["health"]);
    assert_eq!(used("use super::health; // crate::edge", 2), [""; 0]);
}
