//! Whether a server of portcullis stays up. Each command starts servers of its own on loopback,
//! prints a table, and fails where a bound is not held. Times are real: none of this is a test of CI.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints"
)]

mod accept;
mod flood;
mod frames;
mod hostile;
mod idle;
mod load;
mod overload;
mod panics;
mod restarts;
mod server;
mod shapes;
mod soak;
mod telemetry;
mod window;

use std::{error::Error, process::ExitCode};

/// Errors are for a reader.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A line of a table, and whether its bound is held.
struct Row {
    cells: Vec<String>,
    holds: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match obey(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("endure: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all bounds are held.
async fn obey(arguments: &[&str]) -> Outcome<bool> {
    let number = |text: &str| text.parse::<usize>();
    match arguments {
        ["serve", options @ ..] => server::serve(options).await.map(|()| true),
        ["attack", flood, address] => flood::flood(flood, address).await.map(|()| true),
        ["hostile"] => hostile::run(2000).await,
        ["hostile", each] => hostile::run(number(each)?).await,
        ["window"] => window::run().await,
        ["idle"] => idle::run(5000).await,
        ["idle", count] => idle::run(number(count)?).await,
        ["flood"] => flood::run(5).await,
        ["flood", seconds] => flood::run(number(seconds)?).await,
        ["accept"] => accept::run().await,
        ["panics"] => panics::run(1_000_000).await,
        ["panics", count] => panics::run(number(count)?).await,
        ["soak"] => soak::run(20).await,
        ["soak", minutes] => soak::run(number(minutes)?).await,
        ["overload"] => overload::run(30).await,
        ["overload", seconds] => overload::run(number(seconds)?).await,
        ["restarts"] => restarts::run(50).await,
        ["restarts", count] => restarts::run(number(count)?).await,
        ["telemetry"] => telemetry::run(6000).await,
        ["telemetry", count] => telemetry::run(number(count)?).await,
        _ => Err(USAGE.into()),
    }
}

/// Prints a table. Returns whether all bounds are held.
fn print(title: &str, columns: &[&str], rows: &[Row]) -> bool {
    println!("\n## {title}\n\n| {} | |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len() + 1));
    for row in rows {
        let verdict = if row.holds { "holds" } else { "**no**" };
        println!("| {} | {verdict} |", row.cells.join(" | "));
    }
    rows.iter().all(|row| row.holds)
}

const USAGE: &str = "usage:
  hostile [EACH]     connections that never end, 2000 of each shape
  window             1000 streams whose window stays shut, on ten connections
  idle [COUNT]       what 5000 idle connections take
  flood [SECONDS]    floods of frames beside a client that is polite
  accept             requests and connections a second, over axum::serve's (with wrk)
  panics [COUNT]     a million requests, of which one in a hundred panics
  soak [MINUTES]     20 minutes of all of it, memory and descriptors looked at each 5 s
  overload [SECONDS] ten times what a service can do, shed by latency, a limit, tower, and not at all
  restarts [COUNT]   50 rolling restarts under load, and hostile clients at each
  telemetry [COUNT]  6000 requests while the collector is dead, stalled, slow or refusing
  serve OPTION..     (inner) serves on loopback until standard input closes
  attack FLOOD AT    (inner) floods a server until standard input closes";
