//! What a policy that holds still lets through.

use std::fmt;

use super::Csp;

/// Something that a policy lets through. Printed as `script-src: 'unsafe-inline' ..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakness {
    directive: &'static str,
    reason: &'static str,
}

// ===== impl Weakness =====

impl Weakness {
    /// Returns the directive that is weak, or missing.
    #[must_use]
    pub const fn directive(&self) -> &'static str {
        self.directive
    }

    /// Returns what it lets through.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// Returns the weaknesses of a policy.
    pub(super) fn of(csp: &Csp) -> Vec<Self> {
        let mut found = scripts(csp);
        let open = OPEN.iter().filter_map(|(name, falls_back, reason)| {
            let (directive, values) = in_force(csp, name, *falls_back)?;
            has_any_host(values).then_some(Self { directive, reason })
        });
        found.extend(open);
        let missing = MISSING
            .iter()
            .filter(|(name, falls_back, _)| in_force(csp, name, *falls_back).is_none());
        found.extend(missing.map(|(directive, _, reason)| Self { directive, reason }));
        found
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.directive, self.reason)
    }
}

/// Returns what is weak of scripts: in each directive that says something about them.
fn scripts(csp: &Csp) -> Vec<Weakness> {
    let own = ["script-src", "script-src-elem", "script-src-attr"];
    let mut found = Vec::new();
    let falls_back = csp.values("script-src").is_none();
    let names = own.iter().chain(falls_back.then_some(&"default-src"));
    for directive in names {
        let values = csp.values(directive).unwrap_or_default();
        let weak = WEAK
            .iter()
            .filter(|(source, _)| values.iter().any(|v| v.eq_ignore_ascii_case(source)));
        found.extend(weak.map(|(_, reason)| Weakness { directive, reason }));
        let reason = "any host: an injected script runs";
        found.extend(has_any_host(values).then_some(Weakness { directive, reason }));
    }
    found
}

/// Returns the directive that says something about what another one is about.
fn in_force<'a>(
    csp: &'a Csp,
    name: &'static str,
    falls_back: bool,
) -> Option<(&'static str, &'a [Box<str>])> {
    let names = [Some(name), falls_back.then_some("default-src")];
    let mut names = names.into_iter().flatten();
    names.find_map(|name| Some((name, csp.values(name)?)))
}

fn has_any_host(values: &[Box<str>]) -> bool {
    values.iter().any(|source| is_any_host(source))
}

/// Returns `true` for `*`, with whatever scheme and port, and for a scheme of the web.
fn is_any_host(source: &str) -> bool {
    let rest = source.split_once("://").map_or(source, |(_, rest)| rest);
    let is_scheme = ["https:", "http:"]
        .iter()
        .any(|scheme| source.eq_ignore_ascii_case(scheme));
    is_scheme || rest.split([':', '/']).next() == Some("*")
}

/// Of what runs as a script.
const WEAK: [(&str, &str); 5] = [
    (
        "'unsafe-inline'",
        "'unsafe-inline' lets injected scripts run",
    ),
    ("'unsafe-eval'", "'unsafe-eval' lets text run as a script"),
    ("data:", "data: lets a URL be a script"),
    ("blob:", "blob: lets data that a script made be a script"),
    (
        "'unsafe-hashes'",
        "'unsafe-hashes' lets injected handlers run that the page has",
    ),
];

/// A directive, whether `default-src` stands for it (CSP Level 3, section 6.8.3), and what is open if
/// it has any host. Scripts are looked at more closely.
const OPEN: [(&str, bool, &str); 4] = [
    ("object-src", true, "any host: an injected plugin runs"),
    (
        "base-uri",
        false,
        "any host: an injected <base> redirects scripts",
    ),
    (
        "form-action",
        false,
        "any host: an injected form sends anywhere",
    ),
    (
        "frame-ancestors",
        false,
        "any host: any site may frame the page",
    ),
];

/// The same, and what is open without it.
const MISSING: [(&str, bool, &str); 5] = [
    ("script-src", true, "missing: any script runs"),
    ("object-src", true, "missing: plugins run"),
    (
        "base-uri",
        false,
        "missing: an injected <base> redirects scripts",
    ),
    (
        "form-action",
        false,
        "missing: an injected form sends anywhere",
    ),
    (
        "frame-ancestors",
        false,
        "missing: any site may frame the page",
    ),
];
