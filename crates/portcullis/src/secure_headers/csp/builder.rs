use portcullis_core::ConfigError;

use super::{
    Csp, Directive, NONCE,
    directive::{self, Kind},
    source::{self, Source},
};

/// Puts a policy together. Created by [`Csp::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct CspBuilder {
    directives: Vec<(String, Vec<String>)>,
}

// ===== impl CspBuilder =====

impl CspBuilder {
    /// Adds a directive with what follows its name: sources, flags of a sandbox, or nothing.
    ///
    /// A source is one string, `'self'` with its quotes. [`Csp::NONCE`] stands for the nonce of the
    /// request.
    pub fn directive(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let values = values.into_iter().map(|value| value.as_ref().to_owned());
        self.directives.push((name.to_owned(), values.collect()));
        self
    }

    /// Builds the policy.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong:
    ///
    /// - a directive that browsers don't know or that is there twice, of which they follow the first
    ///   (CSP Level 3, section 2.2.1),
    /// - a source that is none (section 2.3.1), or that means nothing in its directive: a nonce where
    ///   there are only attributes, `'strict-dynamic'` for styles, a flag that no sandbox has,
    /// - `;`, `,`, white space and other characters that would end a source and begin something else,
    /// - `'none'` beside a source, which makes it no source at all (section 6.7.2.5),
    /// - `'unsafe-inline'` beside a nonce, a hash or `'strict-dynamic'`, and hosts, schemes and
    ///   `'self'` beside the latter: browsers ignore them (sections 6.7.3.2 and 8.2),
    /// - a policy or a list without anything in it.
    pub fn build(self) -> Result<Csp, ConfigError> {
        let mut problems = Vec::new();
        let mut directives: Vec<Directive> = Vec::new();
        if self.directives.is_empty() {
            problems.push("content security policy: it is empty".to_owned());
        }
        for (name, values) in self.directives {
            let Some((name, kind)) = directive::find(&name) else {
                problems.push(format!("{name:?}: not a directive that browsers know"));
                continue;
            };
            if directives.iter().any(|directive| directive.name == name) {
                problems.push(format!("{name}: duplicate directive"));
            }
            let found = problems_of(kind, &values);
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
            let values = values.into_iter().map(in_one_spelling).collect();
            directives.push(Directive { name, values });
        }
        ConfigError::check(problems)?;
        Ok(Csp(directives.into()))
    }
}

/// The nonce is put in where it is found.
fn in_one_spelling(value: String) -> Box<str> {
    if value.eq_ignore_ascii_case(NONCE) {
        NONCE.into()
    } else {
        value.into()
    }
}

/// Returns what is wrong with what follows a directive's name.
fn problems_of(kind: Kind, values: &[String]) -> Vec<String> {
    if kind.has_sources() {
        return problems_of_sources(kind, values);
    }
    let is_missing = values.is_empty() && !matches!(kind, Kind::Flag | Kind::Sandbox);
    let mut problems: Vec<_> = values
        .iter()
        .filter_map(|value| wrong_value(kind, value))
        .collect();
    problems.extend(is_missing.then(|| "a value is missing".to_owned()));
    let is_more = kind == Kind::ReportGroup && values.len() > 1;
    problems.extend(is_more.then(|| "browsers ignore more than one name".to_owned()));
    problems
}

fn wrong_value(kind: Kind, value: &str) -> Option<String> {
    if let Some(character) = value.chars().find(|c| !source::is_allowed(*c)) {
        return Some(format!("{value:?} contains {character:?}"));
    }
    let is_fine = match kind {
        Kind::Flag => false,
        Kind::Sandbox => directive::is_sandbox_flag(value),
        Kind::TrustedTypesFor => value == "'script'",
        _ => true,
    };
    (!is_fine).then(|| format!("{value:?} has no meaning here"))
}

fn problems_of_sources(kind: Kind, values: &[String]) -> Vec<String> {
    let read = |value: &String| Source::parse(value, kind);
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for value in values {
        match read(value) {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    if values.is_empty() {
        problems.push("no source; write 'none'".to_owned());
    }
    problems.extend(contradictions(&sources).map(ToOwned::to_owned));
    problems
}

/// Returns what browsers would ignore.
fn contradictions(sources: &[Source]) -> impl Iterator<Item = &'static str> {
    let has = |wanted: &[Source]| sources.iter().any(|source| wanted.contains(source));
    let is_marked = has(&[Source::Nonce, Source::Hash]);
    let is_dynamic = has(&[Source::StrictDynamic]);
    let rules = [
        (
            has(&[Source::None]) && sources.len() > 1,
            "'none' stands beside other sources",
        ),
        (
            has(&[Source::UnsafeInline]) && (is_marked || is_dynamic),
            "browsers ignore 'unsafe-inline' beside a nonce, a hash or 'strict-dynamic'",
        ),
        (
            is_dynamic && !is_marked,
            "'strict-dynamic' without a nonce or a hash lets nothing run",
        ),
        (
            is_dynamic && has(&[Source::Host, Source::Scheme, Source::Origin]),
            "browsers ignore hosts, schemes and 'self' beside 'strict-dynamic'",
        ),
    ];
    rules
        .into_iter()
        .filter_map(|(is_broken, problem)| is_broken.then_some(problem))
}
