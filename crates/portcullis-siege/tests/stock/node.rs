//! Node's http module.

use crate::{
    harm::{an_invalid_host, two_hosts, two_lengths},
    server::{self, Server, Stock},
};

pub(crate) const NODE: Stock = Stock {
    name: "Node's http",
    start,
    breaches: &["A12", "A13"],
};

fn start() -> Server {
    Server::alone("/", &mut server::node("server.js"))
}

#[test]
fn it_serves_two_hosts_and_hosts_that_are_none() {
    let node = start();

    assert!(two_hosts(&node));
    assert!(an_invalid_host(&node));
}

#[test]
fn it_refuses_two_lengths() {
    assert!(!two_lengths(&start()));
}
