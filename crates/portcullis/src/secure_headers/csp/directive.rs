//! The directives that browsers know, and what each may be followed by.

/// What follows a directive's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sources of scripts or styles, where a nonce and inline code mean something.
    Code,
    /// Sources of something else.
    Fetch,
    /// Where a document may point to: `base-uri`, `form-action`.
    Place,
    /// Who may frame the document.
    Ancestors,
    /// Flags of a sandbox.
    Sandbox,
    /// Nothing.
    Flag,
    /// `'script'`.
    TrustedTypesFor,
    /// Names of policies.
    TrustedTypes,
    /// Where reports go.
    Report,
}

// ===== impl Kind =====

impl Kind {
    /// Returns `true` if a list of source expressions follows.
    pub(super) const fn has_sources(self) -> bool {
        matches!(
            self,
            Self::Code | Self::Fetch | Self::Place | Self::Ancestors
        )
    }
}

/// Returns a directive by its name, whose case is not significant.
pub(super) fn find(name: &str) -> Option<(&'static str, Kind)> {
    let mut known = DIRECTIVES.iter();
    known
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .copied()
}

/// CSP Level 3, section 6, Upgrade Insecure Requests, section 3, and Trusted Types, section 4.4.
///
/// Left out is what no browser follows any more: `block-all-mixed-content`, `plugin-types`,
/// `navigate-to`, `prefetch-src`, `referrer`, `reflected-xss`.
const DIRECTIVES: [(&str, Kind); 26] = [
    ("default-src", Kind::Code),
    ("script-src", Kind::Code),
    ("script-src-elem", Kind::Code),
    ("script-src-attr", Kind::Code),
    ("style-src", Kind::Code),
    ("style-src-elem", Kind::Code),
    ("style-src-attr", Kind::Code),
    ("child-src", Kind::Fetch),
    ("connect-src", Kind::Fetch),
    ("fenced-frame-src", Kind::Fetch),
    ("font-src", Kind::Fetch),
    ("frame-src", Kind::Fetch),
    ("img-src", Kind::Fetch),
    ("manifest-src", Kind::Fetch),
    ("media-src", Kind::Fetch),
    ("object-src", Kind::Fetch),
    ("worker-src", Kind::Fetch),
    ("base-uri", Kind::Place),
    ("form-action", Kind::Place),
    ("frame-ancestors", Kind::Ancestors),
    ("sandbox", Kind::Sandbox),
    ("upgrade-insecure-requests", Kind::Flag),
    ("require-trusted-types-for", Kind::TrustedTypesFor),
    ("trusted-types", Kind::TrustedTypes),
    ("report-uri", Kind::Report),
    ("report-to", Kind::Report),
];
