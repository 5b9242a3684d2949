//! The portcullis demo server: every layer of the edge, on real traffic.
//!
//! `cargo run --release -p demo` needs no set-up. What can be set is in [`config`].

#![expect(clippy::print_stderr, reason = "a program that says what is wrong")]

mod app;
mod callers;
mod config;
mod debug;
mod dependencies;
mod edge;
mod page;
mod payments;
mod probes;
mod raw;
mod rehearsal;
mod routes;
mod seen;
mod streams;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use portcullis::{
    ConfigError,
    access_log::AccessLog,
    audit::{Audit, FileSink, OnFull},
    serve,
};
use portcullis_otel::Telemetry;
use tokio::net::TcpListener;
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, Layer, prelude::*, registry::LookupSpan};

use crate::{
    app::Demo,
    config::{Config, LogFormat},
    seen::{Output, Seen},
};

/// What is wrong, in one line.
type Problem = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Problem> {
    let config = Config::from_env()?;
    let telemetry = Telemetry::from_env("portcullis-demo")?;
    // Only in development may somebody look at the log.
    let seen = config.is_development().then(Seen::default);
    let output = Output(seen.clone());
    tracing_subscriber::registry()
        .with(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with(lines(config.log_format, output.clone()))
        .with(telemetry.layer())
        .init();

    let address = config.address();
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    let demo = Demo::new(config, listener.local_addr()?, seen)?;
    demo.metrics.add(telemetry.clone());
    let audit = audit(&demo.config.audit_file)?;
    let access_log = access_log(demo.config.log_format, output)?;
    let edge = edge::build(&demo, &telemetry, audit.as_ref(), access_log)?;
    let key_file = demo.config.key_file.clone();
    let _watched = key_file.map(|file| callers::watch(file, audit.clone()));
    let url = format!("http://{}", demo.address);
    let stack = edge.explain().to_string();
    let server = serve(listener, app::router(demo.clone()).layer(edge.clone()))
        .edge(&edge)
        .health(&demo.health)
        .idle_timeout(config::IDLE)
        .write_timeout(config::WRITE)
        .max_connections(config::CONNECTIONS)
        .max_client_connections(config::CLIENT_CONNECTIONS)
        .grace(demo.config.grace())
        .drain(demo.config.drain);
    introduce(&demo, &stack, &url);

    let stopped = server.await?;
    telemetry.shutdown();
    if let Some(audit) = audit {
        audit.close(AUDIT_CLOSES).await?;
    }
    say(&stopped.to_string());
    Ok(())
}

/// How lines of the log are written.
fn lines<S>(format: LogFormat, output: Output) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(output.is_terminal())
        .with_writer(move || output.clone());
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    }
}

/// A line for each answer, among the others.
fn access_log(format: LogFormat, output: Output) -> Result<AccessLog, ConfigError> {
    let log = AccessLog::to_writer(output);
    match format {
        LogFormat::Text => log.human().build(),
        LogFormat::Json => log.build(),
    }
}

/// An attack must not end the demo by what it leaves: events that find no room are counted and dropped.
fn audit(path: &str) -> Result<Option<Audit>, Problem> {
    if path.is_empty() {
        return Ok(None);
    }
    Ok(Some(Audit::new(FileSink::open(path)?, OnFull::Drop)?))
}

/// What a person wants to know first.
fn introduce(demo: &Demo, stack: &str, url: &str) {
    say(stack.trim_end());
    say(&format!("listening on {url}"));
    if let Some(key) = &demo.config.demo_key {
        say(&format!("demo key: {}", key.expose()));
    }
}

/// Prints a line. Whoever reads may be gone, which is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// How long the last events may take to be written.
const AUDIT_CLOSES: Duration = Duration::from_secs(2);
