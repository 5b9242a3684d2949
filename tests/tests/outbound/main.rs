//! Outgoing calls over real sockets, to an upstream that fails, hangs, flaps and resets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod clients;
mod faults;
mod scenario;
mod traces;
