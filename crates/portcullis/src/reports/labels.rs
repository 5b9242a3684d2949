//! The names that are counted: a closed set, whatever a client sends.

/// Types of reports (Reporting API, section 2.4; CSP Level 3, section 5.2; and those of Chromium).
pub(super) const TYPES: [&str; 11] = [
    "csp-violation",
    "csp-hash",
    "permissions-policy-violation",
    "integrity-violation",
    "coep",
    "coop",
    "deprecation",
    "intervention",
    "crash",
    "network-error",
    OTHER,
];

/// Directives that a browser names as violated (CSP Level 3, section 2.4).
pub(super) const DIRECTIVES: [&str; 24] = [
    "default-src",
    "script-src",
    "script-src-elem",
    "script-src-attr",
    "style-src",
    "style-src-elem",
    "style-src-attr",
    "child-src",
    "connect-src",
    "fenced-frame-src",
    "font-src",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "worker-src",
    "base-uri",
    "form-action",
    "frame-ancestors",
    "sandbox",
    "require-trusted-types-for",
    "trusted-types",
    OTHER,
];

/// Whether a policy is enforced or only reported.
pub(super) const DISPOSITIONS: [&str; 3] = ["enforce", "report", OTHER];

/// Returns where a name stands, or else the last place: `other`.
pub(super) fn place(names: &[&str], name: &str) -> usize {
    let found = names.iter().position(|known| *known == name);
    found.unwrap_or(names.len() - 1)
}

const OTHER: &str = "other";
