//! Requests byte by byte.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Sends `request` on a connection of its own, and returns all that comes back.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> io::Result<String> {
    answer(TcpStream::connect(address).await?, request).await
}

/// Does the same from another address of this machine.
pub(crate) async fn ask_from(
    source: IpAddr,
    address: SocketAddr,
    request: &str,
) -> io::Result<String> {
    let socket = match source {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind((source, 0).into())?;
    answer(socket.connect(address).await?, request).await
}

async fn answer(mut stream: TcpStream, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Returns the status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("nothing")
}
