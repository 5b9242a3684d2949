//! A command line: what is printed is what is run.

use std::{
    fmt,
    process::{self, Stdio},
};

/// A program with its arguments and the variables set for it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    variables: Vec<(&'static str, &'static str)>,
    words: Vec<&'static str>,
}

// ===== impl Command =====

impl Command {
    /// Words are parted by spaces; no command here needs a quoted one.
    pub(crate) fn new(line: &'static str) -> Self {
        Self {
            variables: Vec::new(),
            words: line.split_whitespace().collect(),
        }
    }

    pub(crate) fn variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Appends `words`.
    pub(crate) fn words(mut self, words: impl IntoIterator<Item = &'static str>) -> Self {
        self.words.extend(words);
        self
    }

    /// Prints it, runs it in the open, and tells whether it succeeded.
    pub(crate) fn run(&self) -> bool {
        println!("$ {self}");
        match self.process().status() {
            Ok(status) => status.success(),
            Err(error) => {
                println!("{self}: {error}");
                false
            }
        }
    }

    /// Prints it, runs it, and returns what it wrote to standard output if it succeeded.
    pub(crate) fn run_for_output(&self) -> Option<String> {
        println!("$ {self}");
        self.output()
    }

    /// What it writes to standard output, if it succeeds.
    pub(crate) fn output(&self) -> Option<String> {
        let output = self.process().stderr(Stdio::inherit()).output().ok()?;
        let succeeded = output.status.success();
        succeeded.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it out of sight, and tells whether it is there and succeeds.
    pub(crate) fn succeeds_quietly(&self) -> bool {
        self.process()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn process(&self) -> process::Command {
        let (program, arguments) = self.words.split_first().unwrap_or((&"true", &[]));
        let mut process = process::Command::new(program);
        process
            .args(arguments)
            .envs(self.variables.iter().copied())
            .stdin(Stdio::null());
        // What Cargo tells this program of its package: ring would be built anew for it.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                process.env_remove(&name);
            }
        }
        process
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.variables.iter().map(|(name, value)| {
            let quote = if value.contains(' ') { "'" } else { "" };
            format!("{name}={quote}{value}{quote}")
        });
        let words = self.words.iter().copied().map(str::to_owned);
        f.write_str(&variables.chain(words).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_line_a_shell_takes() {
        let command = Command::new("cargo doc")
            .variables(&[("RUSTDOCFLAGS", "-D warnings")])
            .words(["--no-deps"]);

        assert_eq!(
            command.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }

    #[test]
    fn tells_failure_and_absence_from_success() {
        assert!(Command::new("true").succeeds_quietly());
        assert!(!Command::new("false").succeeds_quietly());
        assert!(!Command::new("no-such-program").succeeds_quietly());
    }
}
