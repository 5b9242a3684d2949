//! HAProxy, as Debian packages it.

use std::process::Command;

use crate::{
    harm::{an_invalid_host, no_host, two_hosts},
    server::{Server, Stock},
};

/// Its 2.6.12 takes a length of 2^64 + 2 for 2 too (A05).
pub(crate) const HAPROXY: Stock = Stock {
    name: "HAProxy",
    start,
    breaches: &["A11", "A12", "A13"],
};

fn start() -> Server {
    Server::in_front("haproxy.cfg", |folder| {
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(folder.join("haproxy.cfg"));
        command
    })
}

#[test]
fn it_serves_a_request_without_a_host() {
    assert!(no_host(&start()));
}

#[test]
fn it_serves_the_same_host_twice() {
    assert!(two_hosts(&start()));
}

#[test]
fn it_serves_a_host_that_is_none() {
    assert!(an_invalid_host(&start()));
}
