//! The PROXY protocol on the listener: from a real HAProxy, and from strangers.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::{Router, routing::get};
use portcullis::{ClientIp, serve};
use portcullis_axum::Fact;
use portcullis_tests::{
    net::{Client, raw, request},
    program::free_port,
    proxies::{Proxy, SOURCE},
};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A server that expects a header from these networks.
async fn server(proxies: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let whoami = |Fact(ClientIp(ip)): Fact<ClientIp>| async move { ip.to_string() };
    let edge = portcullis_axum::edge().build().unwrap();
    let app = Router::new().route("/", get(whoami)).layer(edge);
    let proxies: Vec<_> = proxies
        .split(',')
        .map(|range| range.parse().unwrap())
        .collect();
    tokio::spawn(async move { serve(listener, app).proxy_protocol(proxies).await });
    address
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_trusted_proxy_names_its_client() {
    let address = server("127.0.0.1/32").await;
    let header = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n";

    let answer = raw(address, format!("{header}{GET}").as_bytes()).await;
    assert!(answer.ends_with("192.0.2.7"), "{answer}");
    let local = raw(address, format!("PROXY UNKNOWN\r\n{GET}").as_bytes()).await;
    assert!(local.ends_with("127.0.0.1"), "{local}");
    let silent = Client::http1(address).await.send(request("/", &[])).await;
    assert!(silent.is_err(), "it must introduce itself");
}

#[tokio::test]
async fn a_stranger_with_a_header_is_refused() {
    let address = server("10.0.0.0/8").await;
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x12\x67\0\x50";

    let text = raw(
        address,
        format!("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n{GET}").as_bytes(),
    )
    .await;
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    let answer = raw(address, &[&binary[..], GET.as_bytes()].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let without = raw(address, GET.as_bytes()).await;
    assert!(without.ends_with("127.0.0.1"), "{without}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_names_its_client() {
    let address = server(&format!("{SOURCE}/32")).await;
    for version in ["send-proxy", "send-proxy-v2"] {
        let running = Proxy::HaProxy.start_with(free_port(), address, version);
        let proxy = ([127, 0, 0, 1], running.port).into();
        let mut client = Client::http1_from([127, 0, 0, 78], proxy).await;

        let forged = [("x-forwarded-for", "6.6.6.6")];
        let answer = client.ask(request("/", &forged)).await;
        assert_eq!(answer.text, "127.0.0.78", "{version}");
    }
}
