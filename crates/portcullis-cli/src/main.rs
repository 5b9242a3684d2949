//! The `portcullis` command.

#![expect(clippy::print_stderr, reason = "a program that says what is wrong")]

mod arguments;
mod list;
mod siege;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use portcullis::{ConfigError, api_key::ApiKey};

use crate::arguments::{Command, SIEGE_USAGE, USAGE};

fn main() -> ExitCode {
    match Command::parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("portcullis: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, ConfigError> {
    let text = match command {
        Command::Help => USAGE.to_owned(),
        Command::KeyNew { prefix, name } => describe(&ApiKey::generate(&prefix)?, &name),
        Command::SiegeHelp => SIEGE_USAGE.to_owned(),
        Command::SiegeList(format) => list::list(format),
        Command::SiegeSchema => portcullis_siege::Report::json_schema(),
        Command::Siege(arguments) => return siege::run(&arguments).map_err(ConfigError::new),
    };
    say(&text);
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads may be gone.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The key, once, and the line that lets a server know it.
fn describe(key: &ApiKey, name: &str) -> String {
    let (text, id, digest) = (key.expose(), key.id(), key.digest().to_hex());
    format!(
        "The key. It is shown this once; give it to {name}:\n\
         {text}\n\
         \n\
         What the server needs: its id and digest, no secret:\n\
         API_KEYS={name}=sha256:{id}:{digest}\n"
    )
}
