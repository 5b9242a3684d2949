//! A connection on which every HTTP/2 frame is ours.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    frame::{FrameType, frame},
    sources::connect,
};
use crate::{
    context::Context,
    verdict::{Evidence, Failure},
};

/// A connection on which every frame is ours. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Frames {
    io: OwnedWriteHalf,
    context: Context,
    seen: Arc<Mutex<Seen>>,
    _reader: JoinSet<()>,
}

/// What the server sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The fields of each stream's answer.
    pub(crate) answers: HashMap<u32, Vec<(String, String)>>,
    /// The error code of each stream that was reset.
    pub(crate) resets: HashMap<u32, u32>,
    /// The error code of the GOAWAY.
    pub(crate) goaway: Option<u32>,
    pub(crate) closed: bool,
    pub(crate) max_streams: Option<u32>,
    /// Streams whose answer has ended.
    pub(crate) ended: Vec<u32>,
    /// Acknowledgements of PING and SETTINGS.
    pub(crate) acks: u64,
    /// The first bytes of what was written last.
    last: Vec<u8>,
}

// ===== impl Frames =====

impl Frames {
    /// A connection from a fresh address, when the server's SETTINGS have come.
    pub(crate) async fn open(context: &Context) -> Result<Self, Failure> {
        Self::connect(context, context.fresh()).await?.ready().await
    }

    /// Connects, and sends the preface and SETTINGS, with a window that lets answers come.
    pub(crate) async fn connect(context: &Context, from: Option<IpAddr>) -> Result<Self, Failure> {
        Self::with_window(context, from, 0xf_0000).await
    }

    /// The same, with so many bytes as the window of each stream.
    pub(crate) async fn with_window(
        context: &Context,
        from: Option<IpAddr>,
        window: u32,
    ) -> Result<Self, Failure> {
        let mut frames = Self::with_preface(context, from).await?;
        // 4 is INITIAL_WINDOW_SIZE.
        let setting = [&[0, 4], &window.to_be_bytes()[..]].concat();
        frames.send(FrameType::Settings, 0, 0, &setting).await?;
        Ok(frames)
    }

    /// Connects, and sends the preface without the SETTINGS that belong to it.
    pub(crate) async fn with_preface(
        context: &Context,
        from: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        context.budget.connection()?;
        let connected = timeout(CONNECT, connect(from, context.target.address())).await;
        let connected = connected.map_err(|_| Failure::unclear("no connection within 3 s"));
        let connected = connected.and_then(|connected| Ok(connected?));
        let io = context.noting(connected, |_| None)?;
        let (reader, writer) = io.into_split();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(read(reader, Arc::clone(&seen)));
        let mut frames = Self {
            io: writer,
            context: context.clone(),
            seen,
            _reader: tasks,
        };
        frames.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        Ok(frames)
    }

    pub(crate) async fn send(
        &mut self,
        kind: FrameType,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Result<(), Failure> {
        self.write(&frame(kind, flags, stream, payload)).await
    }

    /// Writes frames. A server that closed is not an error: that is what is looked for.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.context.budget.send(bytes.len())?;
        let written = timeout(WRITE, self.io.write_all(bytes)).await;
        let mut seen = lock(&self.seen);
        seen.last = bytes[..bytes.len().min(REMEMBERED)].to_vec();
        seen.closed |= matches!(written, Ok(Err(_)));
        Ok(())
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Whether the server sent GOAWAY or closed.
    pub(crate) fn is_over(&self) -> bool {
        let seen = lock(&self.seen);
        seen.goaway.is_some() || seen.closed
    }

    /// Waits until something was seen. Returns whether it was.
    pub(crate) async fn wait(&self, within: Duration, is_there: impl Fn(&Seen) -> bool) -> bool {
        let poll = async {
            while !is_there(&lock(&self.seen)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(within, poll).await.is_ok()
    }

    /// Waits for the server's SETTINGS.
    pub(crate) async fn ready(self) -> Result<Self, Failure> {
        let ready = self
            .wait(CONNECT, |seen| seen.acks > 0 || seen.closed)
            .await;
        if ready {
            Ok(self)
        } else {
            Err(Failure::unclear("no SETTINGS within 3 s"))
        }
    }
}

// ===== impl Seen =====

impl Seen {
    pub(crate) fn status(&self, stream: u32) -> Option<u16> {
        let fields = self.answers.get(&stream)?;
        let status = fields.iter().find(|(name, _)| name == ":status")?;
        status.1.parse().ok()
    }

    /// Whether a stream was refused in any way: reset, an answer of 4xx, or the whole connection.
    pub(crate) fn refused(&self, stream: u32) -> bool {
        self.resets.get(&stream).is_some_and(|code| *code != 0)
            || self
                .status(stream)
                .is_some_and(|status| (400..500).contains(&status))
            || self.goaway.is_some_and(|code| code != 0)
            || self.closed
    }

    pub(crate) fn evidence(&self, what: impl Into<String>, sent: &str) -> Evidence {
        let bytes: Vec<_> = self.last.iter().map(|byte| format!("{byte:02x}")).collect();
        let last = bytes.join(" ");
        Evidence::new(what)
            .sent(format!("{sent}; the last frame begins with {last}"))
            .received(self.text())
    }

    /// Returns what the server sent, in words.
    fn text(&self) -> String {
        let end = match (self.goaway, self.closed) {
            (Some(code), _) => format!("GOAWAY with code {code}"),
            (None, true) => "closed without GOAWAY".to_owned(),
            (None, false) => "no GOAWAY, and the connection is open".to_owned(),
        };
        let acks = format!("{} acknowledgements", self.acks);
        let statuses = self
            .answers
            .keys()
            .map(|stream| (*stream, self.status(*stream)));
        let answers = statuses.filter_map(|(stream, status)| Some((stream, status?)));
        let answers = list(
            "answers",
            answers.map(|(stream, status)| (stream, u32::from(status))),
        );
        let resets = list(
            "RST_STREAM",
            self.resets.iter().map(|(stream, code)| (*stream, *code)),
        );
        [end, acks, answers, resets].join("; ")
    }
}

/// The first of some streams, each with a number.
fn list(name: &str, streams: impl Iterator<Item = (u32, u32)>) -> String {
    let mut streams: Vec<_> = streams.collect();
    streams.sort_unstable();
    let count = streams.len();
    let shown = streams.iter().take(4);
    let shown: Vec<_> = shown
        .map(|(stream, number)| format!("{number} on stream {stream}"))
        .collect();
    match count {
        0 => format!("no {name}"),
        1..=4 => format!("{name}: {}", shown.join(", ")),
        _ => format!("{count} {name}: {}, ..", shown.join(", ")),
    }
}

const REMEMBERED: usize = 48;

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(mut io: OwnedReadHalf, seen: Arc<Mutex<Seen>>) {
    let mut decoder = fluke_hpack::Decoder::new();
    let mut head = [0; 9];
    while io.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if io.read_exact(&mut payload).await.is_err() {
            break;
        }
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        note(
            &mut lock(&seen),
            &mut decoder,
            head[3],
            head[4],
            stream,
            &payload,
        );
    }
    lock(&seen).closed = true;
}

fn note(
    seen: &mut Seen,
    decoder: &mut fluke_hpack::Decoder<'_>,
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &[u8],
) {
    let number = |at: usize| {
        let bytes = payload
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    match kind {
        1 => {
            let fields = decoder.decode(payload).unwrap_or_default();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let fields = fields
                .into_iter()
                .map(|(name, value)| (text(name), text(value)));
            seen.answers
                .entry(stream)
                .or_insert_with(|| fields.collect());
        }
        3 => drop(seen.resets.insert(stream, number(0).unwrap_or(0))),
        4 if flags & 1 == 0 => {
            let max = payload
                .chunks_exact(6)
                .find(|setting| setting[..2] == [0, 3]);
            seen.max_streams = max.map(|max| u32::from_be_bytes([max[2], max[3], max[4], max[5]]));
            seen.acks += 1;
        }
        4 | 6 => seen.acks += 1,
        7 => seen.goaway = number(4),
        _ => {}
    }
    if kind <= 1 && flags & 1 == 1 {
        seen.ended.push(stream);
    }
}

const CONNECT: Duration = Duration::from_secs(3);
const WRITE: Duration = Duration::from_secs(3);
