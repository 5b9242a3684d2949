//! A gallery of broken HTTP servers: one binary that does everything right, and with `--fault ID`
//! exactly one thing wrong. It is what the siege harness is tested on: each fault must be found,
//! and nothing must be found without one.
//!
//! Every byte is written here, without an HTTP library: a library would refuse to be this wrong.

#![expect(clippy::print_stderr, reason = "a program that reports what is wrong")]
#![expect(
    clippy::print_stdout,
    reason = "a program that prints where it listens"
)]

mod app;
mod audit;
mod auth;
mod bodies;
mod browsers;
mod chunks;
mod client;
mod confusion;
mod cross_site;
mod faults;
mod health;
mod http1;
mod http2;
mod limiter;
mod log;
mod loose;
mod message;
mod metrics;
mod parse;
mod reading;
mod redirects;
mod respond;
mod reveal;
mod routes;
mod seal;
mod server;
mod signatures;
mod tokens;

use std::{path::PathBuf, process::ExitCode};

use lexopt::{Arg, ValueExt};

use crate::faults::Fault;

/// What was typed.
#[derive(Debug)]
pub(crate) struct Settings {
    port: u16,
    fault: Fault,
    log: Option<PathBuf>,
    audit: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("gallery: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut parser = lexopt::Parser::from_env();
    let mut settings = Settings {
        port: 0,
        fault: Fault::None,
        log: None,
        audit: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("port") => settings.port = parser.value()?.parse()?,
            Arg::Long("fault") => settings.fault = parser.value()?.parse_with(fault)?,
            Arg::Long("log") => settings.log = Some(parser.value()?.into()),
            Arg::Long("audit") => settings.audit = Some(parser.value()?.into()),
            Arg::Long("list") => return Ok(list()),
            Arg::Value(word) if word == "verify" => return Ok(audit::verify(&parser.value()?)?),
            other => return Err(other.unexpected().into()),
        }
    }
    server::run(settings).await?;
    Ok(ExitCode::SUCCESS)
}

fn fault(id: &str) -> Result<Fault, String> {
    Fault::from_name(id).ok_or_else(|| format!("{id}: no such fault; see --list"))
}

fn list() -> ExitCode {
    for (_, id, attack, what) in faults::all() {
        println!("{id} {attack} {what}");
    }
    ExitCode::SUCCESS
}
