//! Servers of the gallery, each with what is known of it.

use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use portcullis_siege::{Profile, Report};

use crate::running::Running;

/// A server of the gallery. Its files go when it is dropped.
pub(crate) struct Server {
    running: Running,
    folder: PathBuf,
    fault: Option<String>,
}

impl Server {
    pub(crate) fn start(fault: Option<&str>) -> Self {
        let name = format!(
            "gallery-{}-{}",
            std::process::id(),
            fault.unwrap_or("right")
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(&*GALLERY);
        command
            .arg("--log")
            .arg(folder.join("log"))
            .arg("--audit")
            .arg(folder.join("audit"));
        command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
        Self {
            running: Running::start(&mut command),
            folder,
            fault: fault.map(str::to_owned),
        }
    }

    /// What is known of it: its profile, its files, and how to start another.
    pub(crate) fn profile(&self) -> Profile {
        let (folder, gallery) = (self.folder.display(), &*GALLERY);
        let fault = self
            .fault
            .iter()
            .map(|fault| format!(", \"--fault\", \"{fault}\""));
        let fault: String = fault.collect();
        let more = format!(
            "[sinks]\nlog = \"{folder}/log\"\naudit = \"{folder}/audit\"\n\
             verify = [\"{gallery}\", \"verify\", \"{{file}}\"]\n\
             [launch]\ncommand = [\"{gallery}\", \"--port\", \"{{port}}\"{fault}]\n"
        );
        let is_own = self
            .fault
            .as_deref()
            .is_some_and(|fault| OF_OWN_KEYS.contains(&fault));
        let known = if is_own {
            with_own_key()
        } else {
            KNOWN.to_owned()
        };
        let mut profile = Profile::parse(&(known + &more)).unwrap();
        if self.fault.iter().any(|fault| fault.starts_with("front-")) {
            // It is its own proxy.
            let front = ("the gallery".to_owned(), self.running.url.clone());
            profile.proxy.fronts.extend([front]);
        }
        profile
    }

    pub(crate) async fn siege(&self, only: &[&str]) -> Report {
        self.siege_with(self.profile(), only).await
    }

    pub(crate) async fn siege_with(&self, profile: Profile, only: &[&str]) -> Report {
        self.running.siege(profile, only).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The key that `siege.toml` knows.
pub(crate) const VALID: &str = "gal_valid_4f9c2b7d1e8a6053";

/// A key of the form that portcullis generates, with an id and a checksum.
pub(crate) const OWN: &str = "gal_own4f9c2b7d1_Q7mZ2kX9rT4vB6nL1pW8sY3cF5hJ0dG7aK2eU9iO4xR445TE0";
/// These faults are behind a checksum.
pub(crate) const OF_OWN_KEYS: [&str; 4] = [
    "unknown-id-faster",
    "secret-early-exit",
    "known-id-field",
    "known-id-order",
];

pub(crate) fn with_own_key() -> String {
    KNOWN.replace(VALID, OWN)
}

/// The example of this package: Cargo builds it with the tests, and puts it into `examples` beside the
/// folder of this program.
pub(crate) static GALLERY: LazyLock<String> = LazyLock::new(|| {
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let gallery = profile.join("examples").join("gallery");
    assert!(
        gallery.exists(),
        "{} is not built: cargo build --package portcullis-siege --example gallery",
        gallery.display()
    );
    gallery.into_os_string().into_string().unwrap()
});

const KNOWN: &str = include_str!("../../examples/gallery/siege.toml");
