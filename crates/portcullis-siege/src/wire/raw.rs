//! A connection on which every byte is ours.

use std::{io, net::IpAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Answer,
    answer::{after_first, find, parse_all},
    sources::{connect, connect_narrow},
};
use crate::{
    context::Context,
    verdict::{Evidence, Failure, Tried},
};

/// A connection on which every byte is ours. It remembers what passed.
#[derive(Debug)]
pub(crate) struct Raw {
    io: TcpStream,
    context: Context,
    seen: Exchange,
}

/// What passed on a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) sent: Vec<u8>,
    pub(crate) received: Vec<u8>,
    /// Whether the server closed or reset the connection.
    pub(crate) closed: bool,
    /// Whether the answers have no bodies.
    pub(crate) head_only: bool,
    /// From the end of the sending to the end of the reading.
    pub(crate) took: Duration,
    target: String,
}

// ===== impl Raw =====

impl Raw {
    pub(crate) async fn connect(context: &Context, from: Option<IpAddr>) -> Result<Self, Failure> {
        Self::over(context, connect(from, context.target.address())).await
    }

    /// Connects with the smallest buffer: what is not read soon waits at the server.
    pub(crate) async fn narrow(context: &Context) -> Result<Self, Failure> {
        let (from, to) = (context.fresh(), context.target.address());
        Self::over(context, connect_narrow(from, to)).await
    }

    async fn over(
        context: &Context,
        connecting: impl Future<Output = io::Result<TcpStream>>,
    ) -> Result<Self, Failure> {
        context.budget.connection()?;
        let connected = timeout(CONNECT, connecting).await;
        let connected = connected.map_err(|_| Failure::unclear("no connection within 3 s"));
        let connected = connected.and_then(|connected| Ok(connected?));
        let io = context.noting(connected, |_| None)?;
        Ok(Self {
            io,
            context: context.clone(),
            seen: Exchange {
                target: context.target.authority().to_owned(),
                ..Exchange::default()
            },
        })
    }

    /// Sends. A server that no longer reads is not an error: what it said counts.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        let bytes = bytes.as_ref();
        self.context.budget.send(bytes.len())?;
        self.seen
            .sent
            .extend_from_slice(&bytes[..bytes.len().min(REMEMBERED)]);
        let written = timeout(WRITE, self.io.write_all(bytes)).await;
        self.seen.closed |= matches!(written, Ok(Err(_)));
        Ok(())
    }

    /// Reads what is there within a time. Returns whether anything came.
    pub(crate) async fn read(&mut self, within: Duration) -> bool {
        let length = self.seen.received.len();
        self.seen.received.reserve(8 << 10);
        let read = timeout(within, self.io.read_buf(&mut self.seen.received)).await;
        self.seen.closed |= matches!(read, Ok(Ok(0) | Err(_)));
        self.seen.received.len() > length
    }

    /// Reads so much at most, if it is there within a time.
    pub(crate) async fn sip(&mut self, bytes: usize, within: Duration) {
        let mut piece = vec![0; bytes];
        match timeout(within, self.io.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => self.seen.closed = true,
            Ok(Ok(length)) => self.seen.received.extend_from_slice(&piece[..length]),
            Err(_) => {}
        }
    }

    /// Reads an answer's head. Returns its status, if it comes within a time.
    pub(crate) async fn status(&mut self, within: Duration) -> Option<u16> {
        let ends = Instant::now() + within;
        while self.seen.status().is_none() && !self.seen.closed {
            let left = ends.saturating_duration_since(Instant::now());
            if !self.read(left).await {
                break;
            }
        }
        self.seen.status()
    }

    /// Reads until the server closes, or is quiet for a while after an answer.
    pub(crate) async fn read_answers(&mut self) {
        let began = Instant::now();
        let ends = began + ANSWER;
        while !self.seen.closed {
            let has_answer = self.seen.answers().last().is_some_and(|last| last.whole);
            let left = ends.saturating_duration_since(Instant::now());
            let within = if has_answer { QUIET.min(left) } else { left };
            if !self.read(within).await && !self.seen.closed {
                break;
            }
        }
        self.seen.took = began.elapsed();
    }

    /// Reads until the server closes, if it has answered.
    pub(crate) async fn read_to_end(&mut self, within: Duration) {
        let ends = Instant::now() + within;
        while self.seen.status().is_some() && !self.seen.closed {
            let left = ends.saturating_duration_since(Instant::now());
            if !self.read(left).await {
                break;
            }
        }
    }

    /// Reads until so many answers are whole, then as [`read_answers`](Self::read_answers).
    pub(crate) async fn read_count(&mut self, count: usize) {
        let ends = Instant::now() + ANSWER;
        let are_there = |seen: &Exchange| {
            let answers = seen.answers();
            answers.iter().filter(|answer| answer.whole).count() >= count
        };
        while !self.seen.closed && !are_there(&self.seen) {
            let left = ends.saturating_duration_since(Instant::now());
            if !self.read(left).await {
                break;
            }
        }
        self.read_answers().await;
    }

    /// Waits for the server to close. Returns whether it did.
    pub(crate) async fn closes_by(&mut self, deadline: Instant) -> bool {
        let mut scrap = [0; 4096];
        while !self.seen.closed {
            match timeout_at(deadline, self.io.read(&mut scrap)).await {
                Ok(Ok(0) | Err(_)) => self.seen.closed = true,
                Ok(Ok(_)) => {}
                Err(_) => return false,
            }
        }
        true
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.seen.closed
    }

    pub(crate) const fn seen(&self) -> &Exchange {
        &self.seen
    }

    pub(crate) fn into_seen(self) -> Exchange {
        self.seen
    }

    pub(crate) const fn head_only(mut self) -> Self {
        self.seen.head_only = true;
        self
    }
}

// ===== impl Exchange =====

impl Exchange {
    #[cfg(test)]
    pub(crate) fn of(received: &str, closed: bool) -> Self {
        Self {
            received: received.as_bytes().to_vec(),
            closed,
            ..Self::default()
        }
    }

    /// Returns the answers, without the interim ones.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        let all = parse_all(&self.received, self.closed, self.head_only);
        all.into_iter()
            .filter(|answer| !matches!(answer.status, 100 | 102..=199))
            .collect()
    }

    /// Without the bytes of the first answer. `None` if it is not whole.
    pub(crate) fn without_first(mut self) -> Option<Self> {
        self.received = after_first(&self.received, self.closed)?.to_vec();
        Some(self)
    }

    /// The first answer's status.
    pub(crate) fn status(&self) -> Option<u16> {
        self.answers().first().map(|answer| answer.status)
    }

    pub(crate) fn said_continue(&self) -> bool {
        let all = parse_all(&self.received, self.closed, self.head_only);
        all.first().is_some_and(|answer| answer.status == 100)
    }

    pub(crate) fn evidence(&self, what: impl Into<String>) -> Evidence {
        let sent = &self.sent;
        let evidence = Evidence::new(what).sent(sent).repeat(self.script());
        let evidence = evidence.tried(Tried::Bytes(sent.clone(), self.statuses()));
        match (self.received.is_empty(), self.closed) {
            (false, _) => evidence.received(&self.received),
            (true, true) => evidence.received("(nothing; the connection was closed)"),
            (true, false) => evidence.received("(nothing; the connection is open)"),
        }
    }

    pub(crate) fn statuses(&self) -> Vec<u16> {
        let answers = self.answers();
        answers.iter().map(|answer| answer.status).collect()
    }

    pub(crate) fn breach(&self, what: impl Into<String>) -> Failure {
        self.evidence(what).into()
    }

    /// A line for a shell that sends the same bytes, if they fit into one.
    fn script(&self) -> String {
        if self.sent.len() > 2000 {
            return String::new();
        }
        let (host, port) = host_and_port(&self.target);
        let bytes: String = self.sent.iter().map(|byte| shell(*byte)).collect();
        format!("printf '{bytes}' | timeout 5 nc {host} {port}")
    }
}

/// The host and the port of an authority, for a command that wants both.
pub(crate) fn host_and_port(authority: &str) -> (&str, &str) {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    (host.trim_matches(['[', ']']), port)
}

/// A byte, for printf in single quotes.
fn shell(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'%' => "%%".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' if byte != b'\'' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

/// The bytes of a head, up to its empty line.
pub(crate) fn head_of(bytes: &[u8]) -> &[u8] {
    find(bytes, b"\r\n\r\n").map_or(bytes, |end| &bytes[..end + 4])
}

const CONNECT: Duration = Duration::from_secs(3);
const WRITE: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(4);
/// How long after an answer another one may begin, or the end may come.
const QUIET: Duration = Duration::from_millis(400);
const REMEMBERED: usize = 4096;
