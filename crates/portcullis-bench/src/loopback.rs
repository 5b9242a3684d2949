//! What a client's clock tells of a wrong key: requests of two classes to a server on loopback, in a random
//! order on one connection, with a path beside that leaks on purpose.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use dudect_bencher::rand::{RngExt, rng};
use portcullis::Slot;
use tokio::time::Instant;

use crate::{
    Outcome,
    goals::Judged,
    keys::{Door, Wrong},
    report::line,
    timing::{FOUND_AT, LEAKS_AT, RUNS},
};

/// Measures, adds rows to the table, and returns their goals.
pub(crate) fn table(text: &mut String) -> Outcome<Vec<Judged>> {
    let door = Door::new(10);
    let address = serve(&door)?;
    text.push_str(
        "\n| two classes of requests, over loopback | t | medians, in µs |\n|---|---:|---:|\n",
    );
    let mut goals = Vec::new();
    for (name, path, wrong) in PAIRS {
        let keys = wrong.map(|wrong| door.text(wrong));
        let seen = smallest(address, path, &keys)?;
        let cells = [
            name.into(),
            format!("{:.1}", seen.t),
            format!("{:.2}", seen.medians),
        ];
        line(text, &cells);
        goals.push(if path == LEAKY {
            Judged::new(FOUND, 1.0, Some(FOUND_AT / seen.t))
        } else {
            Judged::new(NOT_FOUND, LEAKS_AT, Some(seen.t))
        });
    }
    Ok(goals)
}

/// How far two classes are from each other.
#[derive(Clone, Copy)]
struct Seen {
    /// Welch's t.
    t: f64,
    /// Between the medians.
    medians: f64,
}

/// Returns the smallest t of three runs: a difference that is there is in each of them.
fn smallest(address: SocketAddr, path: &str, keys: &[String; 2]) -> Outcome<Seen> {
    let mut least = once(address, path, keys)?;
    for _ in 1..RUNS {
        let seen = once(address, path, keys)?;
        if seen.t < least.t {
            least = seen;
        }
    }
    Ok(least)
}

fn once(address: SocketAddr, path: &str, keys: &[String; 2]) -> Outcome<Seen> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let requests = keys
        .each_ref()
        .map(|key| format!("GET {path} HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n\r\n"));
    let mut times = [Vec::new(), Vec::new()];
    // Both classes leave from the same place of memory.
    let mut bytes = Vec::with_capacity(1024);
    for round in 0..WARM + SAMPLES {
        let class = usize::from(rng().random::<bool>());
        bytes.clear();
        bytes.extend_from_slice(requests[class].as_bytes());
        let begun = Instant::now();
        stream.write_all(&bytes)?;
        answered(&mut stream)?;
        if round >= WARM {
            times[class].push(begun.elapsed().as_nanos() as f64 / 1000.0);
        }
    }
    Ok(Seen::of(times))
}

/// Reads a refusal, whose body ends with a brace, or nothing.
fn answered(stream: &mut TcpStream) -> Outcome<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 2048]);
    loop {
        let read = stream.read(&mut buffer)?;
        seen.extend_from_slice(&buffer[..read]);
        if read == 0 || !seen.starts_with(b"HTTP/1.1 401") {
            return Err("a wrong key was not refused with 401".into());
        }
        if seen.ends_with(b"}") || seen.ends_with(b"\r\n\r\n") && !has_body(&seen) {
            return Ok(());
        }
    }
}

fn has_body(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    !head.contains("content-length: 0\r\n")
}

/// Serves on a thread of its own, for as long as the program runs.
fn serve(door: &Door) -> Outcome<SocketAddr> {
    let guard = door.guard().clone();
    let right = door.text(Wrong::Nothing);
    let app = Router::new()
        .route("/", get(|| async { "in" }))
        .route(LEAKY, get(move |headers| leaky(headers, right.clone())));
    let edge = portcullis_axum::edge()
        .guard(Slot::Authentication, guard)
        .public([LEAKY])
        .build()?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let _ = tell.send(listener.local_addr()?);
            portcullis::serve(listener, app.layer(edge)).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })
    });
    Ok(told.recv()?)
}

/// Compares letter by letter, and takes a microsecond for each.
async fn leaky(headers: HeaderMap, right: String) -> StatusCode {
    let presented = headers
        .get("x-api-key")
        .map_or(&b""[..], |key| key.as_bytes());
    for (one, other) in presented.iter().zip(right.as_bytes()) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(1) {
            std::hint::spin_loop();
        }
        if one != other {
            break;
        }
    }
    StatusCode::UNAUTHORIZED
}

// ===== impl Seen =====

impl Seen {
    fn of(mut times: [Vec<f64>; 2]) -> Self {
        // The slowest tenth is the machine's.
        for times in &mut times {
            times.sort_by(f64::total_cmp);
            times.truncate(times.len() * 9 / 10);
        }
        let [one, other] = times.each_ref().map(|times| moments(times));
        let error = (one.1 / times[0].len() as f64 + other.1 / times[1].len() as f64).sqrt();
        let [median, other_median] = times.each_ref().map(|times| times[times.len() / 2]);
        Self {
            t: ((one.0 - other.0) / error).abs(),
            medians: (median - other_median).abs(),
        }
    }
}

/// Returns the mean and the variance.
fn moments(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0))
}

type Pair = (&'static str, &'static str, [Wrong; 2]);

const PAIRS: [Pair; 6] = [
    (
        "control: a route that takes 1 µs a letter",
        LEAKY,
        [Wrong::Secret(0), Wrong::Secret(42)],
    ),
    ("the same twice", "/", [Wrong::Expired, Wrong::Expired]),
    (
        "first letter, last letter",
        "/",
        [Wrong::Secret(0), Wrong::Secret(42)],
    ),
    (
        "wrong secret, unknown id",
        "/",
        [Wrong::Secret(0), Wrong::Id],
    ),
    (
        "wrong secret, expired",
        "/",
        [Wrong::Secret(0), Wrong::Expired],
    ),
    ("expired, revoked", "/", [Wrong::Expired, Wrong::Revoked]),
];
const LEAKY: &str = "/leaky";
const WARM: usize = 1000;
const SAMPLES: usize = 40_000;
const NOT_FOUND: &str = "t of two classes of wrong keys over loopback";
const FOUND: &str = "ten over the t of the control over loopback";
