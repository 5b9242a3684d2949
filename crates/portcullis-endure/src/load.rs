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

/// Places where the application panics, and what a client sees of it.
const PLACES: [(&str, &[u8]); 3] = [
    ("/panic/call", b"HTTP/1.1 500"),
    ("/panic/future", b"HTTP/1.1 500"),
    // The head was sent; the body ends without its end.
    ("/panic/body", b"HTTP/1.1 200"),
];

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
        let place = PLACES.get(random.below(300) as usize);
        let (path, start) =
            place.map_or(("/", &b"HTTP/1.1 200"[..]), |(path, start)| (path, start));
        seen.asked.fetch_add(1, Relaxed);
        seen.panics.fetch_add(usize::from(place.is_some()), Relaxed);
        let connection = match io.take() {
            Some(io) => Ok(io),
            None => TcpStream::connect(address).await,
        };
        let Ok(mut connection) = connection else {
            seen.wrong.fetch_add(1, Relaxed);
            continue;
        };
        let is_cut = path == "/panic/body";
        let answer = ask(&mut connection, path).await;
        let is_right =
            answer.starts_with(start) && (is_cut || place.is_some() || answer.ends_with(b"ok"));
        seen.wrong.fetch_add(usize::from(!is_right), Relaxed);
        if is_right && !is_cut {
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
