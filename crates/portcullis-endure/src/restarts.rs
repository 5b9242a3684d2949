//! Rolling restarts under load, with hostile clients at each.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    Outcome, Row, frames, print,
    server::{DRAIN, Running},
};

/// What the load saw.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    /// No connection.
    refused: AtomicUsize,
    /// A request that got no answer.
    lost: AtomicUsize,
    is_over: AtomicBool,
}

pub(crate) async fn run(count: usize) -> Outcome<bool> {
    // Closed never: both processes have it.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let seen = Arc::new(Seen::default());
    let mut running = Running::inheriting(listener.try_clone()?.into(), &[])?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(load(address, client % 2 == 0, Arc::clone(&seen))))
        .collect();
    let mut slowest = Duration::ZERO;
    let mut codes = 0;
    for _ in 0..count {
        let hostile = hold_some(address).await?;
        let next = Running::inheriting(listener.try_clone()?.into(), &[])?;
        let began = Instant::now();
        running.terminate()?;
        let code = timeout(Duration::from_secs(30), ended(&mut running)).await??;
        slowest = slowest.max(began.elapsed());
        codes += usize::from(code);
        running = next;
        drop(hostile);
    }
    seen.is_over.store(true, Relaxed);
    for client in clients {
        client.await?;
    }
    let counts = [&seen.answered, &seen.refused, &seen.lost].map(|count| count.load(Relaxed));
    let [answered, refused, lost] = counts;
    let slowest = slowest.as_secs_f64();
    let cells = [count, codes, answered, refused, lost].map(|number| number.to_string());
    let row = Row {
        cells: [&cells[..], &[format!("{slowest:.1}"), DRAIN.to_string()]].concat(),
        holds: refused == 0 && lost == 0 && codes == count && slowest <= (DRAIN + 1) as f64,
    };
    let columns = [
        "restarts",
        "ended well",
        "requests answered",
        "connections refused",
        "requests lost",
        "the slowest stop, s",
        "deadline, s",
    ];
    Ok(print("rolling restarts", &columns, &[row]))
}

/// Whether it ended with code 0.
async fn ended(running: &mut Running) -> Outcome<bool> {
    loop {
        if let Some(status) = running.child.try_wait()? {
            return Ok(status.success());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Asks without a pause, on connections that are kept or each on its own.
async fn load(address: SocketAddr, keeps: bool, seen: Arc<Seen>) {
    while !seen.is_over.load(Relaxed) {
        let Ok(mut io) = TcpStream::connect(address).await else {
            seen.refused.fetch_add(1, Relaxed);
            continue;
        };
        loop {
            match ask(&mut io, keeps).await {
                Some(closes) => {
                    seen.answered.fetch_add(1, Relaxed);
                    if closes || seen.is_over.load(Relaxed) {
                        break;
                    }
                }
                None => {
                    seen.lost.fetch_add(1, Relaxed);
                    break;
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Returns whether the answer says that the connection closes, if there is an answer.
async fn ask(io: &mut TcpStream, keeps: bool) -> Option<bool> {
    let connection = if keeps { "keep-alive" } else { "close" };
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: {connection}\r\n\r\n");
    io.write_all(request.as_bytes()).await.ok()?;
    let mut seen = Vec::new();
    while !seen.ends_with(b"ok") {
        if io.read_buf(&mut seen).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&seen).to_lowercase();
    Some(text.contains("connection: close"))
}

/// Connections that do not end by themselves.
async fn hold_some(address: SocketAddr) -> Outcome<Vec<TcpStream>> {
    let idle2 = [frames::hello(b""), frames::get(1, "/")].concat();
    let shapes: [&[u8]; 7] = [
        b"",
        b"P",
        b"GET / HTTP/1.1\r\nhost",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc",
        b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n",
        &idle2,
    ];
    let mut held = Vec::new();
    for shape in shapes {
        let mut io = TcpStream::connect(address).await?;
        io.write_all(shape).await?;
        held.push(io);
    }
    Ok(held)
}

const CLIENTS: usize = 16;
