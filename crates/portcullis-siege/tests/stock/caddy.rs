//! Caddy, as Debian packages it.

use std::process::Command;

use crate::{
    harm::{
        a_tunnel_with_a_length, chunks_before_http11, is_host, two_lengths, two_lengths_later,
        two_lengths_of_a_chunk,
    },
    server::{Server, Stock},
};

pub(crate) const CADDY: Stock = Stock {
    name: "Caddy",
    start,
    breaches: &["A01", "A02", "A06", "A13", "A23", "A34"],
};

fn start() -> Server {
    Server::in_front("Caddyfile", |folder| {
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.arg(folder.join("Caddyfile"));
        command
    })
}

#[test]
fn it_serves_what_is_hidden_behind_two_lengths() {
    let caddy = start();

    assert!(two_lengths(&caddy));
    assert!(two_lengths_of_a_chunk(&caddy));
    assert!(two_lengths_later(&caddy));
}

#[test]
fn it_reads_on_after_chunks_before_http11() {
    assert!(chunks_before_http11(&start()));
}

#[test]
fn it_serves_a_host_with_two_ports() {
    assert!(is_host(&start(), "a:80:80"));
}

#[test]
fn it_answers_connect_with_a_length_and_serves_what_follows() {
    assert!(a_tunnel_with_a_length(&start()));
}
