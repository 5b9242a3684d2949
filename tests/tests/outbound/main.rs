//! Outgoing calls over real sockets, to an upstream that fails, hangs, flaps and resets.

mod clients;
mod faults;
