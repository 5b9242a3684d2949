//! Go's net/http.

use std::{path::Path, process::Command};

use crate::{
    harm::{
        a_tunnel_with_a_length, chunks_before_http11, is_host, two_hosts, two_lengths,
        two_lengths_later, two_lengths_of_a_chunk,
    },
    server::{Server, Stock, file},
};

pub(crate) const NET_HTTP: Stock = Stock {
    name: "net/http",
    start,
    breaches: &["A01", "A02", "A06", "A13", "A23", "A34"],
};

fn start() -> Server {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stock-go");
    let done = Command::new("go")
        .args(["build", "-o"])
        .args([&built, &file("main.go")])
        .output();
    let done = done.unwrap_or_else(|_| panic!("go is not installed: apt-get install golang-go"));
    assert!(done.status.success(), "{done:?}");
    Server::alone("/", &mut Command::new(built))
}

#[test]
fn it_serves_what_is_hidden_behind_two_lengths() {
    let go = start();

    assert!(two_lengths(&go));
    assert!(two_lengths_of_a_chunk(&go));
    assert!(two_lengths_later(&go));
}

#[test]
fn it_reads_on_after_chunks_before_http11() {
    assert!(chunks_before_http11(&start()));
}

#[test]
fn it_serves_a_host_with_two_ports_and_refuses_two_hosts() {
    let go = start();

    assert!(is_host(&go, "a:80:80"));
    assert!(!two_hosts(&go));
}

#[test]
fn it_answers_connect_with_a_length_and_serves_what_follows() {
    assert!(a_tunnel_with_a_length(&start()));
}
