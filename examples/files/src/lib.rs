//! A file server with TLS and an accept loop of its own, behind the edge.
//!
//! What the edge takes is between the two comments: limits of time and of number for connections,
//! signals, and everything an edge does.

use std::{error::Error, path::Path};

use portcullis::{
    Edge, Quota, Scheme,
    serve::{Server, Stopped},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::Layer;
use tower_http::services::ServeDir;

/// Serves the files of a directory.
///
/// # Errors
///
/// Returns an error when the edge is not right.
pub async fn serve_files(
    listener: TcpListener,
    tls: TlsAcceptor,
    directory: impl AsRef<Path>,
) -> Result<Stopped, Box<dyn Error>> {
    let files = ServeDir::new(directory);
    // From here
    let edge = Edge::new().rate_limit(Quota::per_second(50)).build()?;
    let server = Server::new(edge.layer(files)).scheme(Scheme::Https);
    let server = server.accept_loop(|connections| async move {
        while let Ok((io, peer)) = listener.accept().await {
            let (tls, connections) = (tls.clone(), connections.clone());
            tokio::spawn(async move {
                if let Ok(io) = tls.accept(io).await {
                    connections.serve_connection(io, peer).await;
                }
            });
        }
    });
    Ok(server.await?)
    // to here.
}
