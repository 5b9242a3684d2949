use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName, Method, request};
use portcullis_core::{
    ConfigError, Count, Facts, Guard, Host, Paths, Rejection, RejectionKind, Reply, RequestPath,
    Verdict,
};

use super::{
    flaw::Flaw,
    host::HostPort,
    hosts::Hosts,
    methods::Methods,
    path,
    seen::{Seen, Suspect, suspects},
    sizes::Sizes,
};
use crate::engine::asked;

/// Refuses requests that two servers could read differently. See the [module docs](super).
#[derive(Clone, Debug, Default)]
pub struct Hygiene(Arc<Rules>);

/// What becomes of fields that should not reach the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to do")]
pub enum Fields {
    /// They are taken out of the request.
    #[default]
    Removed,
    /// The request is refused with 400.
    Refused,
    /// They are left in the request.
    Kept,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    methods: Methods,
    hosts: Option<Hosts>,
    /// Which host is asked for does not matter there.
    exempt: Paths,
    /// The same, of probes: a guard below answers exactly these.
    probes: Vec<String>,
    underscores: Fields,
    overrides: Fields,
    has_strict_paths: bool,
    sizes: Sizes,
    /// Requests of which fields were removed.
    removed: Arc<AtomicU64>,
}

// ===== impl Hygiene =====

impl Hygiene {
    /// Creates a guard with the defaults that the [module docs](super) list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves these hosts only: `example.com`, `*.example.com` (all names below, but not
    /// `example.com`), `192.0.2.1`, `[::1]`. A port counts only where one is written here. Others are
    /// answered with 421 (RFC 9110, section 15.5.20).
    ///
    /// Where a [trusted proxy](crate::client_ip) names the host that its client asked for, that one must
    /// be in the list too. A request without a host, which HTTP/1.0 allows, is for none of these.
    ///
    /// # Errors
    ///
    /// Returns every entry that is not a host; an empty list is an error as well.
    pub fn hosts(
        mut self,
        hosts: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.rules().hosts = Some(Hosts::parse(hosts)?);
        Ok(self)
    }

    /// Serves these paths for any host: `GET /healthz`. See [`Paths`] for how they are written. For
    /// probes of load balancers, which send the address of the server; an [edge](crate::Edge) knows
    /// the paths of its own [probes](crate::health).
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with each path.
    pub fn exempt_paths(
        mut self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.rules().exempt = Paths::parse(paths)?;
        Ok(self)
    }

    /// Serves these methods only; others are answered with 405 and `Allow`.
    ///
    /// # Errors
    ///
    /// Returns an error for an empty list, and for TRACE.
    pub fn methods(
        mut self,
        methods: impl IntoIterator<Item = Method>,
    ) -> Result<Self, ConfigError> {
        self.rules().methods = Methods::try_new(methods)?;
        Ok(self)
    }

    /// Sets what becomes of fields with an underscore in their name.
    #[must_use]
    pub fn underscores(mut self, fields: Fields) -> Self {
        self.rules().underscores = fields;
        self
    }

    /// Sets what becomes of fields that ask for another method or path than the request line has, such
    /// as `X-HTTP-Method-Override` and `X-Original-URL`.
    #[must_use]
    pub fn overrides(mut self, fields: Fields) -> Self {
        self.rules().overrides = fields;
        self
    }

    /// Refuses paths with dot segments, empty segments, backslashes, encoded slashes, and percent signs
    /// that encode nothing.
    #[must_use]
    pub fn strict_paths(mut self) -> Self {
        self.rules().has_strict_paths = true;
        self
    }

    /// Limits the target, in bytes. A longer one is answered with 414 (RFC 9110, section 15.5.15). The
    /// server's own limit, 64 KiB for a whole head with [`serve`](crate::serve()), stands above.
    #[must_use]
    pub fn max_uri(mut self, bytes: usize) -> Self {
        self.rules().sizes.uri = bytes;
        self
    }

    /// Limits the fields: how many bytes their names and values have together, and how many they are.
    /// More is answered with 431 (RFC 6585, section 5).
    #[must_use]
    pub fn max_headers(mut self, bytes: usize, fields: usize) -> Self {
        self.rules().sizes.bytes = bytes;
        self.rules().sizes.fields = fields;
        self
    }

    /// Exempts the probes that a guard below answers.
    pub(crate) fn exempt_probes(mut self, paths: &[&str]) -> Self {
        self.rules().probes = paths.iter().map(|path| (*path).to_owned()).collect();
        self
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.0)
    }
}

impl Guard for Hygiene {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        match self.0.check(head) {
            Ok(has_suspects) => {
                if has_suspects {
                    return self.0.judge_suspects(&mut head.headers).into();
                }
                Verdict::Admit
            }
            Err(rejection) => rejection.into(),
        }
    }

    fn describe(&self) -> String {
        let Rules { methods, hosts, .. } = &*self.0;
        let hosts = hosts
            .as_ref()
            .map_or("any host".to_owned(), Hosts::to_string);
        let paths = if self.0.has_strict_paths {
            "; strict paths"
        } else {
            ""
        };
        if methods.are_default() {
            hosts + paths
        } else {
            format!("{hosts}; {}{paths}", methods.names())
        }
    }

    fn counts(&self) -> Vec<Count> {
        let removed = Count::total(
            "portcullis_hygiene_removed",
            "Requests of which fields were removed that should not reach the application",
            self.0.removed.load(Relaxed),
        );
        vec![removed.counted_by(&*self.0)]
    }
}

// ===== impl Rules =====

impl Rules {
    /// Checks all but the names of fields. Returns `true` if some of those may not pass.
    #[inline]
    fn check(&self, head: &request::Parts) -> Result<bool, Rejection> {
        let seen = Seen::new(&head.headers);
        self.sizes.check(seen.bytes, seen.cookies, head)?;
        seen.framing(head.version)?;
        self.methods.check(&head.method)?;
        let host = seen.host(head)?;
        if let Some(hosts) = &self.hosts {
            self.check_host(hosts, host, head)?;
        }
        self.check_path(asked(head).path())?;
        Ok(seen.has_suspects)
    }

    fn check_host(
        &self,
        hosts: &Hosts,
        host: Option<HostPort<'_>>,
        head: &request::Parts,
    ) -> Result<(), Rejection> {
        let forwarded = Facts::of(&head.extensions).get::<Host>();
        let is_forwarded_served = |Host(host): &Host| {
            let host = HostPort::parse(host.as_str().as_bytes());
            host.is_some_and(|host| hosts.contains(&host))
        };
        let is_served = host.is_some_and(|host| hosts.contains(&host))
            && forwarded.is_none_or(is_forwarded_served);
        if is_served || self.is_exempt(head) {
            Ok(())
        } else {
            Err(Rejection::new(RejectionKind::Misdirected).with_layer("hygiene"))
        }
    }

    fn is_exempt(&self, head: &request::Parts) -> bool {
        let is_probe = matches!(head.method, Method::GET | Method::HEAD)
            && self.probes.iter().any(|path| *path == head.uri.path());
        is_probe || self.exempt.surely_matches(&RequestPath::of(head))
    }

    #[inline]
    fn check_path(&self, path: &str) -> Result<(), Flaw> {
        let ambiguity = |path| {
            if self.has_strict_paths {
                path::ambiguity(path)
            } else {
                None
            }
        };
        path::control(path)
            .or_else(|| ambiguity(path))
            .map_or(Ok(()), Err)
    }

    /// Does with some fields what is set.
    #[cold]
    fn judge_suspects(&self, headers: &mut HeaderMap) -> Result<(), Rejection> {
        let kinds = [
            (Suspect::Underscore, self.underscores),
            (Suspect::Override, self.overrides),
        ];
        let mut names: Vec<HeaderName> = Vec::new();
        for (kind, fields) in kinds {
            match fields {
                Fields::Kept => {}
                Fields::Refused if suspects(headers, kind).next().is_some() => {
                    return Err(Flaw::FieldName.into());
                }
                Fields::Refused => {}
                Fields::Removed => names.extend(suspects(headers, kind).cloned()),
            }
        }
        for name in &names {
            tracing::debug!(target: "portcullis::hygiene", %name, "removed");
            headers.remove(name);
        }
        self.removed
            .fetch_add(u64::from(!names.is_empty()), Relaxed);
        Ok(())
    }
}
