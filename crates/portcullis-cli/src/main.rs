//! The `portcullis` command.

#![expect(clippy::print_stderr, reason = "a program that reports what is wrong")]

mod arguments;
mod audit;
mod key;
mod list;
mod siege;
mod usage;

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use portcullis::ConfigError;

use crate::{
    arguments::Command,
    usage::{KEY_USAGE, SIEGE_USAGE, USAGE},
};

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
        Command::Version => concat!("portcullis ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        Command::KeyHelp => KEY_USAGE.to_owned(),
        Command::KeyNew(key) => key.describe()?,
        Command::KeyCheck => {
            let (text, code) = key::check()?;
            print(&text)?;
            return Ok(code);
        }
        Command::AuditVerify(arguments) => {
            let (text, code) = audit::verify(&arguments)?;
            print(&text)?;
            return Ok(code);
        }
        Command::SiegeHelp => SIEGE_USAGE.to_owned(),
        Command::SiegeList(format) => list::list(format),
        Command::SiegeSchema => portcullis_siege::Report::json_schema(),
        Command::SiegeInit(arguments) => {
            return siege::init(&arguments).map_err(|error| ConfigError::new(error.to_string()));
        }
        Command::Siege(arguments) => {
            return siege::run(&arguments).map_err(|error| ConfigError::new(error.to_string()));
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a text. Whoever reads may be gone; a disk that is full is a failure.
fn print(text: &str) -> Result<(), ConfigError> {
    print_to(io::stdout(), text)
}

fn print_to(mut out: impl Write, text: &str) -> Result<(), ConfigError> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(ConfigError::new(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads from it is like this.
    #[derive(Debug)]
    struct Out(ErrorKind);

    impl Write for Out {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_text_that_is_lost_is_a_failure_unless_nobody_reads() {
        let full = print_to(Out(ErrorKind::StorageFull), "a report").unwrap_err();

        assert!(full.to_string().starts_with("standard output: "), "{full}");
        assert!(print_to(Out(ErrorKind::BrokenPipe), "a report").is_ok());
        assert!(print_to(Vec::new(), "a report").is_ok());
    }
}
