//! Servers that are not ours, for the siege to tell about.
//!
//! `peers plain` is axum with `axum::serve` and nothing else. `peers composed` has today's usual
//! layers around the same application, each as its documentation shows it.

mod app;
mod composed;

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
};

use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let router = match words.next().as_deref() {
        Some("plain") => app::router(),
        Some("composed") => composed::router()?,
        _ => return Err("usage: peers plain|composed [PORT]".into()),
    };
    let port: u16 = words.next().map_or(Ok(0), |port| port.parse())?;
    serve(router, port).await?;
    Ok(())
}

/// As axum's own example of a graceful shutdown does it.
async fn serve(router: Router, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    writeln!(
        io::stdout(),
        "listening on http://{}",
        listener.local_addr()?
    )?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            terminated.recv().await;
        })
        .await
}
