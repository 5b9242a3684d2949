//! Audit events: who was let in, who was not, and why.
//!
//! # What happens
//!
//! An [`Audit`] observes an edge. Each exchange of a caller who is known, and each refusal that has a
//! [`Cause`](crate::Cause), becomes an [`AuditEvent`]: a wrong key, a lockout, a missing scope, a refused
//! signature, a request for another site. What the server does to itself, such as a reload or a revocation, is
//! [recorded](Audit::record). Clients see nothing of it.
//!
//! Events wait in a queue, 8,192 at most, and are written on a thread of their own into an [`EventSink`]: no
//! request waits for a disk. When the queue is full, what happens was [decided](OnFull) before.
//!
//! # The file
//!
//! A [`FileSink`] writes one JSON object on each line:
//!
//! ```json
//! {"n":2,"time":"2026-01-31T23:59:59.999Z","seq":1,"decision":"denied","reason":"wrong_secret",
//!  "request_id":"0198c5f6-0b3c-7a10-9d2e-6a1d3f0b8c11","client":"203.0.113.9","scheme":"api_key",
//!  "method":"POST","route":"/users/{id}","status":401,"prev":"9b5e..","sum":"41c0.."}
//! ```
//!
//! `n` is the number of the line, `prev` the SHA-256 of the bytes of the line before, `sum` that of this
//! line before `,"sum"`. With a [key](FileOptions::hash_key) there is `mac` instead, an HMAC-SHA-256 that
//! nobody can make without it. [`verify`] returns the first line that does not fit, where one was changed,
//! deleted, put in or moved. With a key that is the line itself; without one, who changes a line can make its
//! `sum` anew, and then it is the line behind it.
//!
//! A chain alone can be made anew by whoever has the file, and its end can be cut off. So there are anchors:
//! lines with `anchor` and no event, at the start, after each 1,000 lines and at the stop. Each is also
//! given to [`on_anchor`](FileOptions::on_anchor), by default logged: kept somewhere else,
//! [`verify_with_anchor`] shows whether the file still is what it was, and went as far.
//!
//! | `anchor` | when |
//! |---|---|
//! | `start` | the file was new |
//! | `restart` | the file was there, and goes on |
//! | `torn` | the line before is half a line: the process or the machine was stopped while it was written. If that happens again while this anchor is written, several lines are halves: `prev` is the SHA-256 of all of them |
//! | `count` | after so many lines |
//! | `rotated` | the file was renamed and [opened anew](Audit::reopen): the first line of the next one, with the number and the hash of the last line of the one before |
//! | `stop` | the log was [closed](Audit::close) |
//!
//! A file that is renamed is still written to until [`Audit::reopen`]. One that is copied and cut
//! (`copytruncate`) does not begin with a beginning any more: rename it.
//!
//! One process writes one file: on Unix it is locked as long as there is the sink, and a second that opens it gets
//! an error, before it writes anything. Where a file system has no locks, and on other systems, see to it
//! yourself: two writers break the chain.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis::{
//!     Edge, Slot,
//!     audit::{Audit, Event, FileSink, OnFull, verify},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = std::env::temp_dir().join(format!("portcullis-audit-{}.jsonl", std::process::id()));
//! # let _ = std::fs::remove_file(&path);
//! let audit = Audit::new(FileSink::open(&path)?, OnFull::FailClosed)?;
//! let edge = Edge::new()
//!     .observe(audit.clone())
//!     .guard(Slot::BodyLimit, audit.guard())
//!     .build()?;
//! # let _ = edge;
//!
//! audit.record(Event::reloaded("API keys"));
//! // When the server has stopped:
//! audit.close(Duration::from_secs(5)).await?;
//! assert_eq!(verify(std::fs::File::open(&path)?)?.events, 1);
//! # std::fs::remove_file(&path)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! An observer sees everything. The [guard](Audit::guard) belongs below the rate limit, which is what keeps
//! clients from filling the queue, and above authentication, so that failures have a place too. What is
//! refused above it has none kept, and gets half of the queue at most. Without the guard nothing is held up or
//! refused. Requests in flight keep a place each.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Audit::new`] | | the sink, and what happens when the queue is full: nobody else can know that |
//! | [`AuditBuilder::capacity`] | 8,192 | some seconds of a busy server, a few megabytes |
//! | [`AuditBuilder::sample_successes`] | all | |
//! | [`AuditBuilder::missing_credentials`] | kept | somebody tries what is closed |
//! | [`FileOptions::hash_key`] | none | a key that is kept beside the file is worth nothing |
//! | [`FileOptions::anchor_every`] | 1,000 lines | what a page of logs can hold |
//! | [`FileOptions::on_anchor`] | logged at `info` | logs mostly go to another machine |
//! | [`FileOptions::fsync`] | each batch | what was written should be there after a loss of power |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Unavailable`](crate::RejectionKind::Unavailable) | 503 | [`OnFull::FailClosed`], and the queue is full or the sink fails; [`OnFull::Block`], and nobody writes any more |
//!
//! # Telemetry
//!
//! | metric | | |
//! |---|---|---|
//! | `portcullis_audit_dropped` | total | events that were lost: the queue was full, or the log closed |
//! | `portcullis_audit_waiting` | gauge | events that are not written yet |
//!
//! The guard counts them for the edge. Without a guard, such as with [`OnFull::Drop`], give the [`Audit`] itself
//! to the page of metrics: it is a [`Counts`](crate::Counts). The first event that is dropped and the first
//! write that fails are logged, and then one of each at most once a minute.
//!
//! A write that fails is tried again every second, with the same events. After a failure that was logged, so is
//! that events are written again. The first event that is dropped where [`OnFull::Block`] or
//! [`OnFull::FailClosed`] was set and there is no [guard](Audit::guard) is logged as a warning.
//!
//! # Security considerations
//!
//! No field's value, no path and no query is in an event, so no secret of a request is. Texts are cut after 256
//! bytes and written in ASCII, everything else escaped: no line break, no escape of a terminal, no change
//! of direction. `subject` is who the client said it is, and the id of a key at most.
//!
//! Events of refusals above the rate limit cost a client nothing but the request, and the file grows with
//! them: rotate it. What is dropped leaves a gap in `seq`.

mod anchor;
mod builder;
mod change;
mod event;
mod file;
mod guard;
mod handle;
mod pending;
mod queue;
mod sink;
#[cfg(test)]
mod tests;
mod worker;

pub use self::{
    anchor::Anchor,
    builder::{AuditBuilder, DEFAULT_CAPACITY},
    change::Event,
    event::{AuditEvent, Decision},
    file::{
        Broken, FileOptions, FileSink, Fsync, Verified, Verifier, Why, verify, verify_with_anchor,
    },
    guard::{AuditGuard, OnFull},
    handle::{Audit, Unwritten},
    sink::EventSink,
};
