//! The demo server, running.

use std::env;

/// A demo server in development mode.
#[derive(Debug)]
#[non_exhaustive]
pub struct Demo {
    url: String,
}

// ===== impl Demo =====

impl Demo {
    /// Takes the server that `DEMO_URL` names.
    ///
    /// # Panics
    ///
    /// If the variable is not set.
    #[expect(clippy::unused_async, reason = "starting a server takes time")]
    pub async fn start() -> Self {
        let Ok(url) = env::var("DEMO_URL") else {
            panic!("set DEMO_URL to the address of a running demo server");
        };
        Self { url }
    }

    /// Where it listens, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
