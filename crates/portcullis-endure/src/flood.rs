//! Floods of frames, beside a client that is polite.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    Outcome, Row,
    frames::{self, CONTINUATION, DATA, HEADERS, PING, RST_STREAM, SETTINGS},
    print,
    server::{Running, input_closed},
};

/// A flood: what begins it, and what is then sent without end.
struct Flood {
    name: &'static str,
    start: Vec<u8>,
    batch: Vec<u8>,
}

pub(crate) async fn run(seconds: usize) -> Outcome<bool> {
    let time = Duration::from_secs(seconds as u64);
    // The server has the other core, and floods only what this program leaves of this one: what is
    // measured is the server.
    pin_to_core_1()?;
    let mut rows = Vec::new();
    for flood in Flood::all() {
        let server = Running::start(&["patient"])?;
        let calm = p99(server.plain, time).await?;
        let before = server.memory()?;
        let flooding = Flooding::start(flood.name, server.plain)?;
        let under = p99(server.plain, time).await?;
        let more = server.memory()?.saturating_sub(before) as f64 / f64::from(1 << 20);
        let ended = flooding.stop()?;
        let times = under.as_secs_f64() / calm.as_secs_f64();
        rows.push(Row {
            cells: vec![
                flood.name.to_owned(),
                ended.to_string(),
                format!("{:.2}", calm.as_secs_f64() * 1e3),
                format!("{:.2}", under.as_secs_f64() * 1e3),
                format!("{times:.1}"),
                format!("{more:.1}"),
            ],
            holds: times <= 2.0 && more <= 16.0 && ended >= CONNECTIONS,
        });
    }
    let columns = [
        "four connections at a time, of",
        "closed",
        "p99 without, ms",
        "p99 with, ms",
        "times",
        "MiB more",
    ];
    Ok(print("floods", &columns, &rows))
}

/// The inner command: floods until standard input closes, and prints how many connections were closed.
pub(crate) async fn flood(name: &str, address: &str) -> Outcome<()> {
    let address = address.parse()?;
    let all = Flood::all();
    let flood = all.iter().find(|flood| flood.name == name);
    let flood = flood.ok_or("no such flood")?;
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..CONNECTIONS {
        flood.begin(address, Arc::clone(&ended));
    }
    input_closed().await;
    println!("{}", ended.load(Relaxed));
    Ok(())
}

fn pin_to_core_1() -> Outcome<()> {
    let id = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    let taskset = taskset.args(["--all-tasks", "--cpu-list", "--pid", "1", &id]);
    if taskset.stdout(Stdio::null()).status()?.success() {
        Ok(())
    } else {
        Err("taskset failed".into())
    }
}

/// A process that floods.
struct Flooding(Child);

// ===== impl Flooding =====

impl Flooding {
    fn start(name: &str, address: SocketAddr) -> Outcome<Self> {
        let mut command = Command::new("chrt");
        let command = command
            .args(["--idle", "0"])
            .arg(std::env::current_exe()?)
            .args(["attack", name, &address.to_string()]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// Returns how many of its connections were closed.
    fn stop(mut self) -> Outcome<usize> {
        drop(self.0.stdin.take());
        let mut stdout = self.0.stdout.take().ok_or("no output")?;
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        self.0.wait()?;
        Ok(text.trim().parse()?)
    }
}

/// What a client that asks each 2 ms waits, at the 99th percentile.
async fn p99(address: SocketAddr, time: Duration) -> Outcome<Duration> {
    let mut io = TcpStream::connect(address).await?;
    io.set_nodelay(true)?;
    let until = Instant::now() + time;
    let mut waits = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        let mut seen = Vec::new();
        while !seen.ends_with(b"ok") {
            if io.read_buf(&mut seen).await? == 0 {
                return Err("the polite client was closed".into());
            }
        }
        waits.push(began.elapsed());
        sleep(Duration::from_millis(2)).await;
    }
    waits.sort();
    Ok(waits[waits.len() * 99 / 100])
}

// ===== impl Flood =====

impl Flood {
    fn all() -> Vec<Self> {
        let hello = frames::hello(b"");
        let endless = |one: Vec<u8>| one.repeat(BATCH / one.len() + 1);
        let of = |name, start: &[u8], one| Self {
            name,
            start: [&hello, start].concat(),
            batch: endless(one),
        };
        let open = frames::frame(HEADERS, 1, 1, &frames::block("/"));
        let upload = frames::frame(HEADERS, 4, 1, &frames::block("/"));
        let resets: Vec<u8> = (0..2000_u32)
            .flat_map(|index| {
                let stream = 2 * index + 1;
                let reset = frames::frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
                [frames::get(stream, "/endless"), reset].concat()
            })
            .collect();
        vec![
            of("PING", b"", frames::frame(PING, 0, 0, &[0; 8])),
            of("SETTINGS", b"", frames::frame(SETTINGS, 0, 0, b"")),
            of(
                "CONTINUATION",
                &open,
                frames::frame(CONTINUATION, 0, 1, b""),
            ),
            of("empty DATA", &upload, frames::frame(DATA, 0, 1, b"")),
            Self {
                name: "requests that are reset",
                start: hello.clone(),
                batch: resets,
            },
        ]
    }

    /// Floods, and begins again when it is closed.
    fn begin(&self, address: SocketAddr, ended: Arc<AtomicUsize>) -> JoinHandle<()> {
        let (start, batch) = (self.start.clone(), self.batch.clone());
        tokio::spawn(async move {
            loop {
                if let Ok(io) = TcpStream::connect(address).await {
                    let (mut read, mut write) = io.into_split();
                    let reading = tokio::spawn(async move {
                        let mut bytes = vec![0; 1 << 16];
                        while matches!(read.read(&mut bytes).await, Ok(1..)) {}
                    });
                    let _ = write.write_all(&start).await;
                    while write.write_all(&batch).await.is_ok() {
                        tokio::task::yield_now().await;
                    }
                    reading.abort();
                    ended.fetch_add(1, Relaxed);
                }
                sleep(Duration::from_millis(10)).await;
            }
        })
    }
}

const CONNECTIONS: usize = 4;
const BATCH: usize = 16 << 10;
