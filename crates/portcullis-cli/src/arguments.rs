//! What was typed.

use portcullis::ConfigError;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    KeyNew { prefix: String, name: String },
}

pub(crate) const USAGE: &str = "\
portcullis: tools for an HTTP edge

usage: portcullis key new [--prefix PREFIX] [--name NAME]

  key new            makes an API key, prints it once, and the line to configure it
    --prefix PREFIX  what the key begins with: 1 to 16 lowercase letters and digits (pk)
    --name NAME      whose key it is (client)
  help               prints this
";

// ===== impl Command =====

impl Command {
    /// Reads the arguments, without the program's own name.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, ConfigError> {
        let arguments: Vec<_> = arguments.collect();
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        match &words[..] {
            ["help" | "--help" | "-h"] => Ok(Self::Help),
            ["key", "new", options @ ..] => Self::key_new(options),
            [] => Err(problem("nothing to do; see `portcullis help`")),
            _ => Err(problem(&format!(
                "{:?} is no command; see `portcullis help`",
                words.join(" ")
            ))),
        }
    }

    fn key_new(options: &[&str]) -> Result<Self, ConfigError> {
        let (mut prefix, mut name) = ("pk", "client");
        for pair in options.chunks(2) {
            match pair {
                ["--prefix", value] => prefix = value,
                ["--name", value] if is_name(value) => name = value,
                ["--name", _] => {
                    return Err(problem("--name: a name has no spaces, commas, `=` or `#`"));
                }
                [option @ ("--prefix" | "--name")] => {
                    return Err(problem(&format!("{option}: a value is missing")));
                }
                _ => return Err(problem(&format!("{:?} is no option", pair[0]))),
            }
        }
        Ok(Self::KeyNew {
            prefix: prefix.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether the configuration's line can hold it.
fn is_name(text: &str) -> bool {
    let breaks = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '=' | '#');
    !text.is_empty() && !text.contains(breaks)
}

fn problem(text: &str) -> ConfigError {
    ConfigError::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, ConfigError> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn reads_what_was_typed() {
        let key_new = |prefix: &str, name: &str| Command::KeyNew {
            prefix: prefix.to_owned(),
            name: name.to_owned(),
        };

        assert_eq!(parse("help"), Ok(Command::Help));
        assert_eq!(parse("key new"), Ok(key_new("pk", "client")));
        let line = "key new --name alice --prefix live";
        assert_eq!(parse(line), Ok(key_new("live", "alice")));
    }

    #[test]
    fn says_what_is_wrong() {
        for line in [
            "",
            "key",
            "keys new",
            "key new --name",
            "key new --name a=b",
            "key new x y",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
