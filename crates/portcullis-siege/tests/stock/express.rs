//! Express.

use crate::{
    harm::{an_invalid_host, chunks_before_http11, paths_in_an_error, two_hosts},
    server::{self, Server, Stock, tool},
};

pub(crate) const EXPRESS: Stock = Stock {
    name: "Express",
    start,
    breaches: &["A06", "A12", "A13", "J16"],
};

fn start() -> Server {
    let mut command = server::node("express.js");
    command.env("NODE_PATH", tool("node_modules"));
    // As it is where nobody sets it.
    command.env_remove("NODE_ENV");
    tool("node_modules/express");
    Server::alone("/echo", &mut command)
}

#[test]
fn it_reads_on_after_chunks_before_http11() {
    assert!(chunks_before_http11(&start()));
}

#[test]
fn it_serves_two_hosts_and_hosts_that_are_none() {
    let express = start();

    assert!(two_hosts(&express));
    assert!(an_invalid_host(&express));
}

#[test]
fn its_errors_tell_where_its_files_are() {
    assert!(paths_in_an_error(&start()));
}
