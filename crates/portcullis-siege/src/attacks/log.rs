//! The server's log, if it is known.

use std::{path::Path, time::Duration};

use tokio::{fs, time::sleep};

use crate::{
    context::Context,
    verdict::{Evidence, Failure},
};

/// A log, from where it was on.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    path: &'a Path,
    before: usize,
}

// ===== impl Log =====

impl<'a> Log<'a> {
    /// Returns the log from here on, if it is known.
    pub(crate) async fn here(context: &'a Context) -> Result<Option<Self>, Failure> {
        let Some(path) = context.profile.sinks.log.as_deref() else {
            return Ok(None);
        };
        let before = fs::read(path).await?.len();
        Ok(Some(Self { path, before }))
    }

    /// Returns what was written since, after the time that a log may take.
    pub(crate) async fn since(&self) -> Result<String, Failure> {
        sleep(SETTLE).await;
        let bytes = fs::read(self.path).await?;
        let new = bytes.get(self.before..).unwrap_or_default();
        Ok(String::from_utf8_lossy(new).into_owned())
    }

    /// Breached if no line since is about a panic. The name of its route is not.
    pub(crate) async fn has_a_panic(&self, route: &str) -> Result<(), Failure> {
        let text = self.since().await?;
        let is_logged = events(&text).any(|line| {
            let line = line.replace(route, "").to_ascii_lowercase();
            let words = ["panic", "exception", "error"];
            words.iter().any(|word| line.contains(word))
        });
        if is_logged {
            Ok(())
        } else {
            let evidence = Evidence::new("the panic is not logged");
            Err(evidence.received(text).into())
        }
    }
}

/// The lines that are not what Rust's runtime prints of a panic by itself.
fn events(text: &str) -> impl Iterator<Item = &str> {
    let mut is_raw = false;
    text.lines().filter(move |line| {
        is_raw |= line.starts_with("thread '") && line.contains("panicked at");
        let was_raw = is_raw;
        is_raw &= !line.starts_with("note: ");
        !was_raw
    })
}

/// How long a log may take to be written.
pub(crate) const SETTLE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_prints_is_no_event() {
        let text = "{\"a\":1}\n\nthread 'main' (7) panicked at src/a.rs:1:2:\npanic!\n\
                    note: run with `RUST_BACKTRACE=1`\n{\"b\":2}";

        assert_eq!(
            events(text).collect::<Vec<_>>(),
            ["{\"a\":1}", "", "{\"b\":2}"]
        );
    }
}
