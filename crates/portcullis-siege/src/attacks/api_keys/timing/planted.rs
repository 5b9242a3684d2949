//! A server of our own that leaks: what can't be found in it is nowhere found.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{super::form::changed, Difference, measure};
use crate::{Target, context::Context, verdict::Failure};

/// The positive control: a server of our own that compares byte by byte.
pub(super) async fn planted(context: &Context, key: &str) -> Result<Difference, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::local(listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(leaky(listener, key.to_owned()));
    measure(
        &context.at(target),
        &changed(key, 0),
        &changed(key, key.len() - 1),
        1000,
    )
    .await
}

async fn leaky(listener: TcpListener, key: String) {
    let mut connections = JoinSet::new();
    while let Ok((io, _)) = listener.accept().await {
        connections.spawn(leak(io, key.clone()));
    }
}

/// Compares byte by byte, and takes a microsecond for each that is right.
async fn leak(mut io: TcpStream, key: String) -> std::io::Result<()> {
    let _ = io.set_nodelay(true);
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if io.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&head);
        let given = text.lines().find_map(|line| {
            line.split_once(": ")
                .filter(|(_, value)| value.len() == key.len())
        });
        let given = given.map_or("", |(_, value)| value);
        let equal = given
            .bytes()
            .zip(key.bytes())
            .take_while(|(one, other)| one == other)
            .count();
        let until = Instant::now() + Duration::from_micros(equal as u64);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        io.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}
