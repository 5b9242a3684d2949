//! Setters of who sees what.

use http::request;
use ipnet::IpNet;
use portcullis_core::Secret;

use super::Health;

impl Health {
    /// Shows everybody the names and states of checks, but not why they fail. Without, everybody sees
    /// only whether all is well: what a process depends on is a map for whoever attacks it.
    #[must_use]
    pub const fn show_checks(mut self) -> Self {
        self.viewers.everybody_sees_names = true;
        self
    }

    /// Shows all details to clients of these networks. An edge is not built with a network of
    /// everybody.
    ///
    /// The address is the one that the guard above [found](crate::client_ip): behind a proxy that is not
    /// trusted it is the proxy's, for everybody. A layer alone knows no address, and shows nobody more.
    #[must_use]
    pub fn details_to_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        let problem = self.viewers.add_networks(networks);
        self.problems.extend(problem.map(str::to_owned));
        self
    }

    /// Shows all details to who sends this token, compared in constant time: `Authorization: Bearer ..`
    /// (RFC 6750, section 2.1).
    ///
    /// ```
    /// use portcullis::{Health, Secret};
    ///
    /// # let token = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
    /// let health = Health::new().details_to_token(Secret::try_new(token)?);
    /// # let _ = health;
    /// # Ok::<(), portcullis::ConfigError>(())
    /// ```
    #[must_use]
    pub fn details_to_token(mut self, token: Secret) -> Self {
        self.viewers.set_token(token);
        self
    }

    /// Shows all details to who has sent a request for which this is true. Probes are answered above
    /// authentication: there is no principal yet.
    #[must_use]
    pub fn details_if(
        mut self,
        may_see: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.viewers.set_rule(may_see);
        self
    }

    /// Stays ready however much the edge sheds. For a fleet in which none should leave when all are
    /// overloaded.
    #[must_use]
    pub const fn ready_while_shedding(mut self) -> Self {
        self.ignores_load = true;
        self
    }

    /// Adds a guard that sheds load: it returns how many requests were admitted and shed so far, and
    /// `None` when it is gone.
    pub(crate) fn watch_load(&self, source: impl Fn() -> Option<[u64; 2]> + Send + Sync + 'static) {
        if !self.ignores_load {
            self.shared.load.watch(source);
        }
    }
}
