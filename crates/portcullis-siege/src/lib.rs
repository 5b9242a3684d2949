//! Attacks a running HTTP server as an adversary would, and reports which lines of the production
//! checklist hold.
//!
//! A server of one's own, by its address:
//!
//! ```no_run
//! use portcullis_siege::{Profile, Siege, Target};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let target = Target::parse("http://127.0.0.1:8080", None).await?;
//! let siege = Siege::new(target, Profile::default()).prepare().await?;
//! let report = siege.run(std::future::pending(), |_| {}).await;
//! assert!(report.is_held());
//! # Ok(())
//! # }
//! ```
//!
//! A service in a test: see [`assault()`].
//!
//! # Features
//!
//! None is on by default: a report is text and JSON, and a test needs no more.
//!
//! | feature | what for |
//! |---|---|
//! | `html` | `Report::to_html`: a page for a browser, on maud |
//! | `junit` | `Report::to_junit`: XML for CI, on quick-junit |
//! | `markdown` | `Report::to_markdown`: for a pull request |
//! | `sarif` | `Report::to_sarif`: for code scanning |
//! | `schema` | `Report::json_schema`, and `JsonSchema` for the types of a report, on schemars |
//!
//! A feature adds; it never changes what the others do.
//!
//! # What is attacked, and what is not
//!
//! Only this machine, unless the owner of another one names it. Never more than an
//! [`Allowance`]: requests, connections, bytes, time. Redirects are never followed.
//!
//! An attack ends with one of four [verdicts](Verdict): held, breached, not tested, could not
//! tell. What was not tested is never called held.

mod assault;
mod attacks;
mod budget;
mod catalogue;
mod context;
mod discovery;
mod error;
mod openapi;
mod process;
mod profile;
mod redact;
mod report;
mod sample;
mod siege;
mod signing;
mod target;
mod verdict;
mod wire;

pub use assault::{Assault, assault, assault_server};
pub use budget::{Allowance, Intensity};
pub use catalogue::{Attack, CATALOGUE, CHECKLIST, ELSEWHERE, Group, Level, Line, Need, Severity};
pub use error::{Error, ErrorKind};
pub use profile::{
    Cors, Keys, Launch, Limits, Lockout, Profile, Proxy, Routes, Signatures, Sinks, Switches,
    Tokens,
};
pub use report::{Baseline, Change, Changes, Count, Grade, LineVerdict, Outcome, Report, Spent};
pub use siege::{Event, Prepared, Siege};
pub use target::Target;
pub use verdict::{Evidence, Mark, Verdict};
