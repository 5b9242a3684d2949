//! The directives that browsers know, and what each may be followed by.

/// What follows a directive's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sources of scripts, where a nonce and inline code mean something; of styles too, for
    /// `default-src`.
    Script,
    /// Sources of styles.
    Style,
    /// Code in attributes, which have no nonce.
    Attribute,
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
    /// The name of where they go.
    ReportGroup,
}

// ===== impl Kind =====

impl Kind {
    /// Returns `true` if a list of source expressions follows.
    pub(super) const fn has_sources(self) -> bool {
        self.is_code() || matches!(self, Self::Fetch | Self::Place | Self::Ancestors)
    }

    /// Returns `true` if inline code means something.
    pub(super) const fn is_code(self) -> bool {
        matches!(self, Self::Script | Self::Style | Self::Attribute)
    }
}

/// Returns a directive by its name, whose case is not significant.
pub(super) fn find(name: &str) -> Option<(&'static str, Kind)> {
    let mut known = DIRECTIVES.iter();
    known
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .copied()
}

/// Returns `true` for a flag that browsers know, whose case is not significant.
pub(super) fn is_sandbox_flag(flag: &str) -> bool {
    SANDBOX.iter().any(|known| flag.eq_ignore_ascii_case(known))
}

/// CSP Level 3, section 6, Upgrade Insecure Requests, section 3, and Trusted Types, section 4.4.
///
/// Left out is what no browser follows any more: `block-all-mixed-content`, `plugin-types`,
/// `navigate-to`, `prefetch-src`, `referrer`, `reflected-xss`.
const DIRECTIVES: [(&str, Kind); 26] = [
    ("default-src", Kind::Script),
    ("script-src", Kind::Script),
    ("script-src-elem", Kind::Script),
    ("script-src-attr", Kind::Attribute),
    ("style-src", Kind::Style),
    ("style-src-elem", Kind::Style),
    ("style-src-attr", Kind::Attribute),
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
    ("report-to", Kind::ReportGroup),
];

/// HTML, section 7.1.5, and the Storage Access API, section 5.
const SANDBOX: [&str; 14] = [
    "allow-downloads",
    "allow-forms",
    "allow-modals",
    "allow-orientation-lock",
    "allow-pointer-lock",
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-presentation",
    "allow-same-origin",
    "allow-scripts",
    "allow-storage-access-by-user-activation",
    "allow-top-navigation",
    "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
];
