//! nginx, as Debian packages it.

use std::process::Command;

use crate::{
    harm::{a_refusal_of_trace, goes_on_after, is_host},
    server::{Server, Stock},
};

pub(crate) const NGINX: Stock = Stock {
    name: "nginx",
    start,
    breaches: &["A13", "A22"],
};

fn start() -> Server {
    Server::in_front("nginx.conf", |folder| {
        let mut command = Command::new("nginx");
        command.args(["-e", "error.log", "-c", "nginx.conf", "-p"]);
        command.arg(folder);
        command
    })
}

#[test]
fn it_serves_a_host_with_two_ports_or_userinfo() {
    let nginx = start();

    assert!(is_host(&nginx, "a:80:80"));
    assert!(is_host(&nginx, "user@a"));
}

#[test]
fn its_405_does_not_tell_what_is_allowed() {
    assert!(a_refusal_of_trace(&start()));
}

/// RFC 9112, 2.2 lets it take a bare LF.
#[test]
fn it_serves_what_stands_behind_chunks_that_end_in_bare_line_feeds() {
    assert!(goes_on_after(&start(), "3\nabc\n0\n\n"));
}
