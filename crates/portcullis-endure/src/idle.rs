//! What idle connections take.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{Outcome, Row, frames, print, server::Running};

pub(crate) async fn run(count: usize) -> Outcome<bool> {
    let mut rows = Vec::new();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
    let http2 = [frames::hello(b""), frames::get(1, "/")].concat();
    for (name, bytes) in [("HTTP/1", request), ("HTTP/2", http2)] {
        let server = Running::start(&["patient"])?;
        let before = server.memory()?;
        let mut idle = Vec::with_capacity(count);
        for _ in 0..count {
            let mut io = TcpStream::connect(server.plain).await?;
            io.write_all(&bytes).await?;
            let mut answer = [0; 4096];
            if io.read(&mut answer).await? == 0 {
                return Err("closed".into());
            }
            idle.push(io);
        }
        sleep(Duration::from_secs(1)).await;
        let each = (server.memory()? - before) as f64 / 1024.0 / count as f64;
        rows.push(Row {
            cells: vec![
                name.to_owned(),
                count.to_string(),
                format!("{each:.1}"),
                "24".to_owned(),
            ],
            holds: each <= 24.0,
        });
    }
    let columns = ["version", "connections", "KiB each", "at most"];
    Ok(print("idle connections", &columns, &rows))
}
