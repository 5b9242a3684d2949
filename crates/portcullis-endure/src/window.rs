//! Streams whose window stays shut.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    Outcome, Row,
    frames::{self, RST_STREAM},
    print,
    server::{Running, WRITE},
};

pub(crate) async fn run() -> Outcome<bool> {
    let server = Running::start(&[])?;
    let mut rows = Vec::new();
    for window in [0_u32, 1] {
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            tasks.push(tokio::spawn(stall(server.plain, window)));
        }
        let mut reset = 0;
        let mut slowest = Duration::ZERO;
        for task in tasks {
            let (streams, took) = task.await??;
            reset += streams;
            slowest = slowest.max(took);
        }
        let slowest = slowest.as_secs_f64();
        rows.push(Row {
            cells: vec![
                window.to_string(),
                (CONNECTIONS * STREAMS).to_string(),
                reset.to_string(),
                format!("{slowest:.1}"),
                WRITE.to_string(),
            ],
            holds: reset == CONNECTIONS * STREAMS && slowest <= (WRITE + 2) as f64,
        });
    }
    let columns = ["window", "streams", "reset", "the slowest, s", "limit, s"];
    Ok(print("streams whose window stays shut", &columns, &rows))
}

/// Returns how many streams of a connection were reset, and when the last was.
async fn stall(address: std::net::SocketAddr, window: u32) -> std::io::Result<(usize, Duration)> {
    let mut io = TcpStream::connect(address).await?;
    let began = Instant::now();
    let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
    io.write_all(&frames::hello(&settings)).await?;
    for stream in 0..STREAMS as u32 {
        io.write_all(&frames::get(2 * stream + 1, "/large")).await?;
    }
    let mut reset = 0;
    let mut last = Duration::ZERO;
    let give_up = Duration::from_secs(WRITE + 10);
    while reset < STREAMS {
        match timeout(give_up, frames::read(&mut io)).await {
            Ok(Ok((RST_STREAM, _))) => {
                reset += 1;
                last = began.elapsed();
            }
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok((reset, last))
}

const CONNECTIONS: usize = 10;
const STREAMS: usize = 100;
