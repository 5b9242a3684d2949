use std::time::Duration;

use portcullis_core::WallClock;

/// What a token must be, besides signed.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) issuer: Box<str>,
    pub(super) audiences: Vec<Box<str>>,
    /// Nothing for the usual ones.
    pub(super) types: Option<Vec<Box<str>>>,
    pub(super) leeway: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) max_bytes: usize,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) roles: Option<Box<str>>,
    pub(super) tenant: Option<Box<str>>,
    pub(super) labels: Vec<Box<str>>,
    pub(super) clock: WallClock,
}

// ===== impl Rules =====

impl Rules {
    pub(super) fn new(issuer: Box<str>, audiences: Vec<Box<str>>) -> Self {
        Self {
            issuer,
            audiences,
            types: None,
            leeway: DEFAULT_LEEWAY,
            max_age: None,
            max_bytes: DEFAULT_MAX_BYTES,
            scopes: ["scope", "scp"].map(Box::from).into(),
            roles: None,
            tenant: None,
            labels: Vec::new(),
            clock: WallClock::system(),
        }
    }

    /// Returns `true` for a `typ` that is allowed. Media types have no case, and need no `application/`
    /// (RFC 7515, section 4.1.9).
    pub(super) fn allows_type(&self, found: Option<&str>) -> bool {
        let Some(found) = found else {
            return self.types.is_none();
        };
        let found = without_application(found);
        let is_found = |allowed: &str| without_application(allowed).eq_ignore_ascii_case(found);
        match &self.types {
            None => DEFAULT_TYPES.into_iter().any(is_found),
            Some(types) => types.iter().any(|allowed| is_found(allowed)),
        }
    }

    /// Returns everything that is wrong.
    pub(super) fn problems(&self) -> Vec<String> {
        let names = self.scopes.iter().chain(&self.roles);
        let mut names = names.chain(&self.tenant).chain(&self.labels);
        let mut types = self.types.iter();
        let rules = [
            (self.issuer.is_empty(), "the issuer is empty"),
            (self.audiences.is_empty(), "there is no audience"),
            (
                self.audiences.iter().any(|audience| audience.is_empty()),
                "an audience is empty",
            ),
            (
                types.any(|types| types.is_empty() || types.iter().any(|one| one.is_empty())),
                "no type is allowed, or one is empty",
            ),
            (
                self.leeway > MAX_LEEWAY,
                "the leeway is more than 5 minutes",
            ),
            (
                self.max_age.is_some_and(|age| age.is_zero()),
                "a maximum age of 0 refuses everything",
            ),
            (
                !(MIN_BYTES..=MAX_BYTES).contains(&self.max_bytes),
                "the maximum length is 512 bytes to 64 KiB",
            ),
            (
                names.any(|name| name.is_empty()),
                "the name of a claim is empty",
            ),
        ];
        let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
        broken.map(|(_, what)| format!("JWT: {what}")).collect()
    }
}

fn without_application(kind: &str) -> &str {
    let (start, rest) = kind
        .split_at_checked(APPLICATION.len())
        .unwrap_or(("", kind));
    if start.eq_ignore_ascii_case(APPLICATION) {
        rest
    } else {
        kind
    }
}

const APPLICATION: &str = "application/";
/// Clocks that are set by NTP differ by less; machines that slept or were moved, by a few seconds.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const DEFAULT_MAX_BYTES: usize = 8 * 1024;
/// Those of RFC 7519, section 5.1, and RFC 9068, section 2.1.
const DEFAULT_TYPES: [&str; 2] = ["JWT", "at+jwt"];
const MAX_BYTES: usize = 64 * 1024;
/// "No more than a few minutes" (RFC 7519, section 4.1.4).
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const MIN_BYTES: usize = 512;
