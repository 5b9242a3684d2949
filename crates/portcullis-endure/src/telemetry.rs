//! Requests while traces, metrics and logs go to a collector that is dead, stalled, slow or refusing,
//! beside a control without telemetry in the same run.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use crate::{Outcome, Row, print, server::Running};

/// What collectors do.
const COLLECTORS: [&str; 5] = ["healthy", "dead", "stalled", "slow", "refusing"];

pub(crate) async fn run(requests: usize) -> Outcome<bool> {
    let mut rows = Vec::new();
    for collector in COLLECTORS {
        for protocol in ["http/protobuf", "grpc"] {
            // Of gRPC the collector here knows how not to answer.
            if protocol == "grpc" && !["dead", "stalled"].contains(&collector) {
                continue;
            }
            let endpoint = collect(collector).await?;
            rows.push(measure(collector, protocol, &endpoint, requests).await?);
        }
    }
    let title = format!("Telemetry: {requests} requests with a user agent of 8 KB");
    let columns = [
        "collector",
        "protocol",
        "p50 µs",
        "control p50 µs",
        "p99 µs",
        "control p99 µs",
        "grown MiB",
        "control grown MiB",
    ];
    Ok(print(&title, &columns, &rows))
}

async fn measure(collector: &str, protocol: &str, endpoint: &str, requests: usize) -> Outcome<Row> {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_SCHEDULE_DELAY", "500"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
    ];
    let servers = [
        Running::with_variables(&["telemetry"], &variables)?,
        Running::start(&["telemetry"])?,
    ];
    let mut clients = Vec::new();
    for server in &servers {
        clients.push(TcpStream::connect(server.plain).await?);
    }
    for client in &mut clients {
        for _ in 0..200 {
            ask(client).await?;
        }
    }
    let before = [servers[0].memory()?, servers[1].memory()?];
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..requests {
        // Neither is always the first.
        for at in [turn % 2, 1 - turn % 2] {
            times[at].push(ask(&mut clients[at]).await?);
        }
    }
    let after = [servers[0].memory()?, servers[1].memory()?];
    let grown = [0, 1].map(|at| after[at].saturating_sub(before[at]) as f64 / (1 << 20) as f64);
    Ok(row(collector, protocol, times, grown))
}

fn row(collector: &str, protocol: &str, mut times: [Vec<Duration>; 2], grown: [f64; 2]) -> Row {
    times.iter_mut().for_each(|times| times.sort_unstable());
    let part = |at: usize, share: usize| times[at][times[at].len() * share / 100];
    let micros = |time: Duration| time.as_micros().to_string();
    let (p99, control) = (part(0, 99), part(1, 99));
    Row {
        // An export shares the server's core, so that it costs something; it is never waited for.
        holds: p99 <= control * 2 + Duration::from_micros(500) && grown[0] <= 32.0,
        cells: vec![
            collector.to_owned(),
            protocol.to_owned(),
            micros(part(0, 50)),
            micros(part(1, 50)),
            micros(p99),
            micros(control),
            format!("{:.1}", grown[0]),
            format!("{:.1}", grown[1]),
        ],
    }
}

/// Sends one request, and returns how long the answer took.
async fn ask(io: &mut TcpStream) -> Outcome<Duration> {
    let agent = "x".repeat(8000);
    let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: {agent}\r\n\r\n");
    let started = Instant::now();
    io.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        if io.read_buf(&mut answer).await? == 0 {
            return Err(String::from_utf8_lossy(&answer).into_owned().into());
        }
    }
    Ok(started.elapsed())
}

/// Starts a collector. Returns where it is.
async fn collect(how: &str) -> Outcome<String> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let (pause, status) = match how {
        "dead" => return Ok(format!("http://{address}")),
        "stalled" => {
            tokio::spawn(stall(listener));
            return Ok(format!("http://{address}"));
        }
        "slow" => (Duration::from_secs(10), StatusCode::OK),
        "refusing" => (Duration::ZERO, StatusCode::BAD_REQUEST),
        _ => (Duration::ZERO, StatusCode::OK),
    };
    let answer = move |_: bytes::Bytes| async move {
        sleep(pause).await;
        status
    };
    let app: Router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// Accepts, and reads nothing.
async fn stall(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok(accepted) = listener.accept().await {
        held.push(accepted);
    }
}
