//! uvicorn, with h11.

use std::process::Command;

use crate::{
    harm::{an_invalid_host, two_lengths, two_lengths_later, two_lengths_of_a_chunk},
    server::{Server, Stock, file, tool},
};

pub(crate) const UVICORN: Stock = Stock {
    name: "uvicorn",
    start,
    breaches: &["A01", "A02", "A13", "A34"],
};

fn start() -> Server {
    let uvicorn = tool("python/bin/uvicorn");
    Server::on_port("/echo", |port| {
        let mut command = Command::new(&uvicorn);
        command.arg("--app-dir").arg(file(""));
        command.args(["--http", "h11", "--port", &port.to_string(), "app:app"]);
        command
    })
}

#[test]
fn it_serves_what_is_hidden_behind_two_lengths() {
    let uvicorn = start();

    assert!(two_lengths(&uvicorn));
    assert!(two_lengths_of_a_chunk(&uvicorn));
    assert!(two_lengths_later(&uvicorn));
}

#[test]
fn it_serves_a_host_that_is_none() {
    assert!(an_invalid_host(&start()));
}

/// RFC 9110, 8.6 sets no bound: it is right to wait for them.
#[test]
fn it_waits_for_the_bytes_of_a_length_beyond_64_bits() {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551618\r\n\r\n";
    let hidden = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    let answers = start().send(&[head, "@@", hidden]);

    assert!(answers.statuses().is_empty());
}
