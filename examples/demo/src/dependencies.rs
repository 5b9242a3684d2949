//! What the application depends on. Simulated: all is up until somebody says otherwise.

use std::{
    future::pending,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use portcullis::{Health, health::Check};
use serde::Deserialize;

/// A dependency that can be made to fail.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    name: &'static str,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answer: Mutex<Answer>,
    calls: AtomicU64,
}

/// How it answers a call.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It is well.
    #[default]
    Ok,
    /// It is not.
    Fail,
    /// Never.
    Hang,
}

// ===== impl Dependency =====

impl Dependency {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            shared: Arc::default(),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn set(&self, answer: Answer) {
        *self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    pub(crate) async fn call(self) -> io::Result<()> {
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        let answer = *self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match answer {
            Answer::Ok => Ok(()),
            Answer::Fail => Err(io::Error::other("made to fail")),
            Answer::Hang => pending().await,
        }
    }
}

/// Checks each dependency four times a second, and believes the first failure: a person who breaks one
/// waits for the answer.
pub(crate) fn health(dependencies: &[Dependency]) -> Health {
    // Its page is for people who break them, and names no secret.
    let empty = Health::new()
        .show_checks()
        .every(Duration::from_millis(250));
    dependencies.iter().fold(empty, |health, dependency| {
        let checked = dependency.clone();
        let check = Check::new(dependency.name, move || checked.clone().call());
        let check = check.failures(1);
        health.add_check(if dependency.name == SEARCH {
            check.advisory()
        } else {
            check
        })
    })
}

/// What the application does without when it must.
pub(crate) const SEARCH: &str = "search";
