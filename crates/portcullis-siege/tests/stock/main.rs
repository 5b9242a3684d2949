//! Servers as they come. What a server must hold and the siege finds breached in them is repeated here
//! over a plain socket, without anything of the siege's: there the harm is seen, or the MUST that is broken.
//! And the siege finds nothing else.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

mod caddy;
mod express;
mod haproxy;
mod harm;
mod net_http;
mod nginx;
mod node;
#[path = "../support/running.rs"]
mod running;
mod server;
mod siege;
mod socket;
mod uvicorn;
