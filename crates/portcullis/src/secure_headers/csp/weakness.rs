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
        let missing = MISSING
            .iter()
            .filter(|(name, falls_back, _)| !has(csp, name, *falls_back));
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
    }
    found
}

fn has(csp: &Csp, name: &str, falls_back: bool) -> bool {
    csp.values(name).is_some() || falls_back && csp.values("default-src").is_some()
}

/// Of what runs as a script.
const WEAK: [(&str, &str); 8] = [
    (
        "'unsafe-inline'",
        "'unsafe-inline' lets injected scripts run",
    ),
    ("'unsafe-eval'", "'unsafe-eval' lets text run as a script"),
    ("*", "* lets scripts of any host run"),
    ("https:", "https: lets scripts of any host run"),
    ("http:", "http: lets scripts of any host run"),
    ("data:", "data: lets a URL be a script"),
    ("blob:", "blob: lets data that a script made be a script"),
    (
        "'unsafe-hashes'",
        "'unsafe-hashes' lets injected handlers run that the page has",
    ),
];

/// A directive, whether `default-src` stands for it (CSP Level 3, section 6.8.3), and what is open
/// without it.
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
