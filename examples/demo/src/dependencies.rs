//! The dependencies that the checks look at. Simulated: they are up until somebody says otherwise.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis::Health;

/// A dependency that can be made to fail.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    name: &'static str,
    is_up: Arc<AtomicBool>,
}

// ===== impl Dependency =====

impl Dependency {
    pub(crate) fn all() -> [Self; 2] {
        ["mongodb", "redis"].map(|name| Self {
            name,
            is_up: Arc::new(AtomicBool::new(true)),
        })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn set(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    async fn check(self) -> io::Result<()> {
        match self.is_up.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(io::Error::other("made to fail")),
        }
    }
}

/// Checks each dependency four times a second: a person who breaks one waits for the answer.
pub(crate) fn health(dependencies: &[Dependency]) -> Health {
    let empty = Health::new().every(Duration::from_millis(250));
    dependencies.iter().fold(empty, |health, dependency| {
        let checked = dependency.clone();
        health.check(dependency.name, move || checked.clone().check())
    })
}
