//! The environment's `OTEL_*` variables: read once, each strictly.

use std::{collections::BTreeMap, ffi::OsString, fmt::Display, str::FromStr, time::Duration};

use portcullis_core::ConfigError;

mod pairs;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::pairs::pairs;

/// The variables that are set, and everything wrong that was found in them.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    set: BTreeMap<String, String>,
    problems: Vec<String>,
}

// ===== impl Variables =====

impl Variables {
    /// Keeps those of OpenTelemetry. One that is empty is not set, as the specification asks for.
    pub(crate) fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut variables = Self::default();
        for (name, value) in all {
            let Some(name) = name.to_str().filter(|name| name.starts_with("OTEL_")) else {
                continue;
            };
            match value.into_string() {
                Ok(value) if value.trim().is_empty() => {}
                Ok(value) => drop(variables.set.insert(name.to_owned(), value)),
                Err(_) => variables.wrong(name, "it is not UTF-8"),
            }
        }
        variables
    }

    /// Returns one of them, without what is wrong with others.
    pub(crate) fn only(&self, name: &str) -> Self {
        let set = self.set.iter().filter(|(known, _)| *known == name);
        Self {
            set: set
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            ..Self::default()
        }
    }

    /// Notes a problem with each variable that is refused.
    pub(crate) fn refuse(&mut self) {
        let refused = self.set.keys();
        let refused = refused.filter_map(|name| Some((name.clone(), table::refusal(name)?)));
        let refused: Vec<_> = refused.collect();
        for (name, why) in refused {
            self.wrong(&name, why);
        }
    }

    /// Notes a problem.
    ///
    /// What several signals read of one variable is one problem.
    pub(crate) fn wrong(&mut self, name: &str, problem: impl Display) {
        let problem = format!("{name}: {problem}");
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Notes what is wrong with something that was made of variables.
    pub(crate) fn also_wrong(&mut self, error: &ConfigError) {
        self.problems
            .extend(error.problems().map(ToOwned::to_owned));
    }

    /// Returns everything that was found to be wrong.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        ConfigError::check(self.problems)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(|value| value.trim())
    }

    /// Reads a value with a parser of its own.
    pub(crate) fn parse<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(name, problem);
                None
            }
        }
    }

    /// Reads `true` or `false`, in any case.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        };
        self.parse(name, parse)
    }

    /// Reads one of a few words, in any case.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let parse = |text: &str| {
            let found = words
                .iter()
                .find(|(word, _)| text.eq_ignore_ascii_case(word));
            found.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                format!("{text:?} is not one of: {}", words.join(", "))
            })
        };
        self.parse(name, parse)
    }

    /// Reads a whole number up to 2³¹ - 1.
    pub(crate) fn number<T: TryFrom<u32>>(&mut self, name: &str, least: u32) -> Option<T> {
        let parse = |text: &str| {
            let number = u32::from_str(text)
                .ok()
                .filter(|n| (least..=MOST).contains(n));
            let number = number.and_then(|number| T::try_from(number).ok());
            number.ok_or_else(|| format!("{text:?} is not a whole number from {least} to {MOST}"))
        };
        self.parse(name, parse)
    }

    /// Reads a time in milliseconds, one at least.
    pub(crate) fn duration(&mut self, name: &str) -> Option<Duration> {
        let millis: Option<u64> = self.number(name, 1);
        millis.map(Duration::from_millis)
    }

    /// Reads a time limit in milliseconds; none is a very long time.
    pub(crate) fn timeout(&mut self, name: &str) -> Option<Duration> {
        let millis: Option<u64> = self.number(name, 0);
        millis.map(|millis| match millis {
            0 => NO_LIMIT,
            millis => Duration::from_millis(millis),
        })
    }
}

/// The specification's greatest number.
const MOST: u32 = i32::MAX as u32;

/// The specification's own way to say "indefinite".
const NO_LIMIT: Duration = Duration::from_millis(MOST as u64);
