use http::{StatusCode, request};
use portcullis_core::{ConfigError, Facts, Guard, Need, Paths, Reply, RequestPath, Verdict};

use super::{Lockout, bodies::client};

/// Counts failures of an application's own log-in. Made by [`Lockout::logins`].
#[derive(Clone, Debug)]
pub struct Logins {
    lockout: Lockout,
    paths: Paths,
}

// ===== impl Lockout =====

impl Lockout {
    /// Counts what the application answers with 401 to what could be one of these requests, and refuses those
    /// of clients that are locked out. A guard for [`Slot::Authorization`](crate::Slot), which [public
    /// paths](crate::Edge::public) have too.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns, and an error for none. See [`Paths`] for how they
    /// are written and compared.
    pub fn logins(
        &self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Logins, ConfigError> {
        let paths = Paths::parse(paths)?;
        if paths.is_empty() {
            return Err(ConfigError::new("lockout: there is no path of a log-in"));
        }
        Ok(Logins {
            lockout: self.clone(),
            paths,
        })
    }
}

impl Guard for Logins {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if !self.paths.could_match(&RequestPath::of(head)) {
            return Verdict::Admit;
        }
        let facts = Facts::of(&head.extensions);
        if let Err(rejection) = self.lockout.check(facts) {
            return rejection.into();
        }
        let (lockout, client) = (self.lockout.clone(), client(facts));
        reply.on_end(move |ended| {
            if ended.status == Some(StatusCode::UNAUTHORIZED) {
                lockout.fail(&client, None);
            }
        });
        Verdict::Admit
    }

    fn describe(&self) -> String {
        let paths: Vec<_> = self.paths.iter().collect();
        format!("{} at {}", self.lockout, paths.join(", "))
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::ClientAddress]
    }
}
