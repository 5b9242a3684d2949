use std::fmt;

/// Everything that is wrong with a configuration, at once.
///
/// Printed as one line: the problems in the order they were found, separated by `"; "`.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// Creates an error from one problem.
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
        }
    }

    /// Returns an error with all of the problems, if there are any.
    ///
    /// # Errors
    ///
    /// Returns an error when `problems` is not empty.
    pub fn check(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    /// Puts what the problems are of before each of them: `NAME: ..`.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        let problems = self.problems.into_iter();
        let problems = problems.map(|problem| format!("{name}: {problem}"));
        Self {
            problems: problems.collect(),
        }
    }

    /// Adds the problems of another error.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self
    }

    /// Returns each problem, in the order they were found.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(String::as_str)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

/// The same line: it is what a `main` that returns the error prints.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}
