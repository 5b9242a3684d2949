//! A load of which some requests panic, and all answers are checked.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// What a load saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) asked: AtomicUsize,
    /// Of these, those that panic.
    pub(crate) panics: AtomicUsize,
    /// Answers that are not what they should be.
    pub(crate) wrong: AtomicUsize,
    pub(crate) is_over: AtomicBool,
}

/// Paths where the application panics. The last does so in a body that has begun.
const PANICS: [&str; 3] = ["/panic/call", "/panic/future", CUT];
const CUT: &str = "/panic/body";

/// Asks on so many connections, until it is over.
pub(crate) fn put(
    address: SocketAddr,
    connections: usize,
    seen: &Arc<Seen>,
) -> Vec<JoinHandle<()>> {
    let client = |number: usize| tokio::spawn(ask_on(address, number as u64, Arc::clone(seen)));
    (0..connections).map(client).collect()
}

async fn ask_on(address: SocketAddr, seed: u64, seen: Arc<Seen>) {
    let mut random = Random(seed + 1);
    let mut io = None;
    while !seen.is_over.load(Relaxed) {
        let panics = PANICS.get(random.below(300) as usize);
        let path = panics.map_or("/", |path| path);
        seen.asked.fetch_add(1, Relaxed);
        seen.panics
            .fetch_add(usize::from(panics.is_some()), Relaxed);
        let connection = match io.take() {
            Some(io) => Ok(io),
            None => TcpStream::connect(address).await,
        };
        let Ok(mut connection) = connection else {
            seen.wrong.fetch_add(1, Relaxed);
            continue;
        };
        let answer = ask(&mut connection, path).await;
        let is_right = is_right(path, &answer);
        seen.wrong.fetch_add(usize::from(!is_right), Relaxed);
        if is_right && path != CUT {
            io = Some(connection);
        }
    }
}

/// Returns the answer, as far as it came.
async fn ask(io: &mut TcpStream, path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut answer = Vec::new();
    if io.write_all(request.as_bytes()).await.is_err() {
        return answer;
    }
    while !is_whole(&answer) {
        if !matches!(io.read_buf(&mut answer).await, Ok(1..)) {
            break;
        }
    }
    answer
}

/// Whether a client can tell what happened.
fn is_right(path: &str, answer: &[u8]) -> bool {
    match path {
        "/" => answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok"),
        // As much as was written before the panic, which may be nothing, and never the last chunk.
        CUT => !answer.ends_with(b"0\r\n\r\n"),
        _ => answer.starts_with(b"HTTP/1.1 500"),
    }
}

/// Whether as much came as the head declares.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(body.len()))
}

/// Numbers that are the same in each run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
