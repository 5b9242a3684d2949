//! A connection of HTTP/2 (RFC 9113), by prior knowledge.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    app::App,
    faults::Fault,
    message::{Head, Response},
    routes::LIMIT,
    server::stopped,
};

/// A connection of HTTP/2.
#[derive(Debug)]
pub(crate) struct Http2 {
    app: Arc<App>,
    io: OwnedWriteHalf,
    peer: IpAddr,
    streams: HashMap<u32, Stream>,
    work: JoinSet<(u32, Response)>,
    decoder: Decoder,
    /// The stream whose head is not whole, whether it ends with it, its bytes and its frames.
    block: Option<(u32, bool, Vec<u8>, u32)>,
    counts: Counts,
    window: i64,
    first_window: i64,
    sends: VecDeque<(u32, Vec<u8>, bool)>,
}

/// Fields, from their table.
struct Decoder(fluke_hpack::Decoder<'static>);

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

/// A request that has begun.
#[derive(Debug)]
struct Stream {
    head: Option<Head>,
    body: Vec<u8>,
    length: Option<u64>,
    window: i64,
}

/// What a client may do only so often.
#[derive(Debug, Default)]
struct Counts {
    resets: u32,
    own_resets: u32,
    pings: u32,
    settings: u32,
    empty_data: u32,
}

/// A frame.
#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// Why the connection ends.
#[derive(Debug)]
struct Goaway(u32);

impl From<io::Error> for Goaway {
    fn from(_: io::Error) -> Self {
        Self(0)
    }
}

type Result<T = ()> = std::result::Result<T, Goaway>;

impl Http2 {
    /// Serves a connection whose preface was read, with what was read behind it.
    pub(crate) async fn serve(
        app: Arc<App>,
        io: TcpStream,
        peer: IpAddr,
        rest: Vec<u8>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let (reader, writer) = io.into_split();
        let (sender, mut frames) = mpsc::channel(64);
        let mut reading = JoinSet::new();
        reading.spawn(read_frames(reader, rest, sender));
        let mut connection = Self {
            app,
            io: writer,
            peer,
            streams: HashMap::new(),
            work: JoinSet::new(),
            decoder: Decoder(fluke_hpack::Decoder::new()),
            block: None,
            counts: Counts::default(),
            window: 65_535,
            first_window: 65_535,
            sends: VecDeque::new(),
        };
        let ended = tokio::select! {
            ended = connection.run(&mut frames) => ended,
            () = stopped(&mut stopping) => connection.finish().await,
        };
        if let Err(Goaway(code)) = ended {
            let mut payload = vec![0, 0, 0, 0];
            payload.extend_from_slice(&code.to_be_bytes());
            let _ = connection.send(7, 0, 0, &payload).await;
            let _ = connection.io.shutdown().await;
            // What the client still sends is read for a moment, so that GOAWAY arrives.
            let drained = async { while frames.recv().await.is_some() {} };
            let _ = timeout(Duration::from_millis(300), drained).await;
        }
    }

    async fn run(&mut self, frames: &mut mpsc::Receiver<Frame>) -> Result {
        // MAX_CONCURRENT_STREAMS (3) 100, MAX_HEADER_LIST_SIZE (6) 16384.
        self.send(4, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 6, 0, 0, 0x40, 0])
            .await?;
        loop {
            let is_idle = self.streams.is_empty() && !self.app.has(Fault::H2IdleTimeout);
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => self.frame(frame).await?,
                    None => return Err(Goaway(0)),
                },
                Some(Ok((stream, response))) = self.work.join_next() => self.respond(stream, response).await?,
                () = sleep(Duration::from_secs(4)), if is_idle => return Err(Goaway(0)),
            }
        }
    }

    /// Answers what is in work, and nothing new.
    async fn finish(&mut self) -> Result {
        while let Some(Ok((stream, response))) = self.work.join_next().await {
            self.respond(stream, response).await?;
        }
        Err(Goaway(0))
    }

    async fn frame(&mut self, frame: Frame) -> Result {
        let Frame {
            kind,
            flags,
            stream,
            payload,
        } = frame;
        if self.block.is_some() && kind != 9 {
            return Err(Goaway(1));
        }
        match kind {
            0 => self.data(stream, flags, &payload).await,
            1 => self.headers(stream, flags, payload).await,
            3 => {
                self.streams.remove(&stream);
                self.counts.resets += 1;
                calm(self.counts.resets > 100 && !self.app.has(Fault::H2Resets))
            }
            4 if flags & 1 == 0 => self.settings(&payload).await,
            5 => Err(Goaway(1)),
            6 if flags & 1 == 0 => {
                self.counts.pings += 1;
                calm(self.counts.pings > 1000 && !self.app.has(Fault::H2Pings))?;
                self.send(6, 1, 0, &payload).await
            }
            7 => Err(Goaway(0)),
            8 => self.window_update(stream, &payload).await,
            9 => self.continuation(flags, &payload).await,
            _ => Ok(()),
        }
    }

    async fn settings(&mut self, payload: &[u8]) -> Result {
        self.counts.settings += 1;
        calm(self.counts.settings > 1000 && !self.app.has(Fault::H2Settings))?;
        for setting in payload
            .chunks_exact(6)
            .filter(|setting| setting[..2] == [0, 4])
        {
            let window = i64::from(u32::from_be_bytes([
                setting[2], setting[3], setting[4], setting[5],
            ]));
            for stream in self.streams.values_mut() {
                stream.window += window - self.first_window;
            }
            self.first_window = window;
        }
        self.send(4, 1, 0, &[]).await
    }

    async fn window_update(&mut self, stream: u32, payload: &[u8]) -> Result {
        let more = payload.try_into().map_or(0, u32::from_be_bytes);
        if more == 0 {
            return match stream {
                0 => Err(Goaway(1)),
                stream => self.reset(stream, 1).await,
            };
        }
        match self.streams.get_mut(&stream) {
            Some(stream) => stream.window += i64::from(more),
            None if stream == 0 => self.window += i64::from(more),
            None => {}
        }
        self.flush().await
    }

    async fn headers(&mut self, stream: u32, flags: u8, payload: Vec<u8>) -> Result {
        let padding = if flags & 8 != 0 {
            usize::from(*payload.first().unwrap_or(&0)) + 1
        } else {
            0
        };
        let start = usize::from(flags & 8 != 0) + if flags & 0x20 != 0 { 5 } else { 0 };
        let end = payload.len().saturating_sub(padding.saturating_sub(1));
        let block = payload.get(start..end).ok_or(Goaway(1))?.to_vec();
        if stream.is_multiple_of(2) {
            return Err(Goaway(1));
        }
        self.block = Some((stream, flags & 1 != 0, block, 0));
        match flags & 4 != 0 {
            true => self.head().await,
            false => Ok(()),
        }
    }

    async fn continuation(&mut self, flags: u8, payload: &[u8]) -> Result {
        let (_, _, block, frames) = self.block.as_mut().ok_or(Goaway(1))?;
        block.extend_from_slice(payload);
        *frames += 1;
        let is_flood = *frames > 16 || block.len() > 32 << 10;
        calm(is_flood && !self.app.has(Fault::H2Continuations))?;
        match flags & 4 != 0 {
            true => self.head().await,
            false => Ok(()),
        }
    }

    /// A whole head.
    async fn head(&mut self) -> Result {
        let (stream, ends, block, _) = self.block.take().ok_or(Goaway(1))?;
        let (mut fields, mut size) = (Vec::new(), 0);
        let decoded = self.decoder.0.decode_with_cb(&block, |name, value| {
            size += name.len() + value.len() + 32;
            if size <= 4 << 20 {
                fields.push((name.into_owned(), value.into_owned()));
            }
        });
        decoded.map_err(|_| Goaway(9))?;
        if size > 16 << 10 && !self.app.has(Fault::H2Fields) {
            return self.reset(stream, 11).await;
        }
        if self.streams.contains_key(&stream) {
            // Trailers: dropped.
            return self.ended(stream).await;
        }
        if self.streams.len() >= 100 && !self.app.has(Fault::H2Streams) {
            return self.reset(stream, 7).await;
        }
        let checks = !self.app.has(Fault::H2FieldsUnchecked);
        if checks && fields.iter().any(|(name, value)| is_forbidden(name, value)) {
            return self.reset(stream, 1).await;
        }
        let (head, length) = self.request(fields);
        self.streams.insert(
            stream,
            Stream {
                head: Some(head),
                body: Vec::new(),
                length,
                window: self.first_window,
            },
        );
        match ends {
            true => self.ended(stream).await,
            false => self.early(stream).await,
        }
    }

    fn request(&self, fields: Vec<(Vec<u8>, Vec<u8>)>) -> (Head, Option<u64>) {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (pseudo, plain): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .partition(|(name, _)| name.starts_with(b":"));
        let pseudo: HashMap<_, _> = pseudo
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let plain = plain
            .into_iter()
            .map(|(name, value)| (text(name).to_ascii_lowercase(), value));
        let mut head = Head {
            method: pseudo.get(":method").cloned().unwrap_or_default(),
            path: pseudo.get(":path").cloned().unwrap_or_default(),
            query: String::new(),
            fields: plain.collect(),
            host: pseudo.get(":authority").cloned(),
            peer: self.peer,
            http2: true,
        };
        if let Some((path, query)) = head.path.clone().split_once('?') {
            (head.path, head.query) = (path.to_owned(), query.to_owned());
        }
        let named = head.one("host");
        let differs = !named.is_empty() && head.host.as_ref().is_some_and(|host| *host != named);
        if differs && !self.app.has(Fault::H2Authority) {
            // Two names are no name.
            head.host = Some(String::new());
        }
        let length = head.one("content-length").parse().ok();
        (head, length)
    }

    /// Refuses a head whose body is still to come.
    async fn early(&mut self, stream: u32) -> Result {
        let Some(head) = self
            .streams
            .get(&stream)
            .and_then(|stream| stream.head.clone())
        else {
            return Ok(());
        };
        match self.app.check(head).await {
            Ok(_) => Ok(()),
            Err(refusal) => self.respond(stream, refusal).await,
        }
    }

    async fn data(&mut self, stream: u32, flags: u8, payload: &[u8]) -> Result {
        if payload.is_empty() && flags & 1 == 0 {
            self.counts.empty_data += 1;
            calm(self.counts.empty_data > 100 && !self.app.has(Fault::H2EmptyData))?;
        }
        if !payload.is_empty() {
            let more = (payload.len() as u32).to_be_bytes();
            self.send(8, 0, 0, &more).await?;
            self.send(8, 0, stream, &more).await?;
        }
        let checks = !self.app.has(Fault::H2Length);
        let Some(known) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        known.body.extend_from_slice(payload);
        let (body, ends) = (known.body.len() as u64, flags & 1 != 0);
        let lies = known
            .length
            .is_some_and(|length| body > length || ends && body < length);
        match () {
            () if lies && checks => self.reset(stream, 1).await,
            () if body > LIMIT as u64 => self.respond(stream, self.app.malformed(413)).await,
            () if ends => self.ended(stream).await,
            () => Ok(()),
        }
    }

    /// A whole request.
    async fn ended(&mut self, stream: u32) -> Result {
        let Some(known) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        let Some(head) = known.head.take() else {
            return Ok(());
        };
        if known
            .length
            .is_some_and(|length| length != known.body.len() as u64)
            && !self.app.has(Fault::H2Length)
        {
            return self.reset(stream, 1).await;
        }
        let (app, body) = (Arc::clone(&self.app), std::mem::take(&mut known.body));
        self.work.spawn(async move {
            let response = match app.check(head).await {
                Ok(exchange) => app.handle(exchange, body).await,
                Err(refusal) => refusal,
            };
            (stream, response)
        });
        Ok(())
    }

    async fn respond(&mut self, stream: u32, response: Response) -> Result {
        if response.fatal {
            return Err(Goaway(2));
        }
        if !self.streams.contains_key(&stream) {
            return Ok(());
        }
        let status = response.status.to_string();
        let mut block = vec![0];
        string(&mut block, b":status");
        string(&mut block, status.as_bytes());
        for (name, value) in &response.fields {
            block.push(0);
            string(&mut block, name.as_bytes());
            string(&mut block, value.as_bytes());
        }
        self.send(1, 4, stream, &block).await?;
        self.sends.push_back((stream, response.body, response.cut));
        self.flush().await
    }

    /// Sends what the windows allow.
    async fn flush(&mut self) -> Result {
        for _ in 0..self.sends.len() {
            let Some((stream, mut body, cut)) = self.sends.pop_front() else {
                break;
            };
            let Some(known) = self.streams.get_mut(&stream) else {
                continue;
            };
            let room = self.window.min(known.window).clamp(0, 16 << 10) as usize;
            let count = room.min(body.len());
            let piece: Vec<u8> = body.drain(..count).collect();
            known.window -= count as i64;
            self.window -= count as i64;
            match (body.is_empty(), cut) {
                (true, true) => {
                    self.send(0, 0, stream, &piece).await?;
                    self.reset(stream, 2).await?;
                }
                (true, false) => {
                    self.send(0, 1, stream, &piece).await?;
                    self.streams.remove(&stream);
                }
                (false, _) => {
                    if count > 0 {
                        self.send(0, 0, stream, &piece).await?;
                    }
                    self.sends.push_back((stream, body, cut));
                }
            }
        }
        Ok(())
    }

    async fn reset(&mut self, stream: u32, code: u32) -> Result {
        self.streams.remove(&stream);
        self.counts.own_resets += 1;
        let is_flood = self.counts.own_resets > 100;
        calm(is_flood && !self.app.has(Fault::H2OwnResets))?;
        self.send(3, 0, stream, &code.to_be_bytes()).await
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result {
        let length = (payload.len() as u32).to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        let written = timeout(Duration::from_secs(3), self.io.write_all(&bytes)).await;
        written.map_err(|_| Goaway(0))??;
        Ok(())
    }
}

/// ENHANCE_YOUR_CALM.
const fn calm(is_flood: bool) -> Result {
    if is_flood { Err(Goaway(11)) } else { Ok(()) }
}

/// What HTTP/2 forbids in a field (RFC 9113, 8.2).
fn is_forbidden(name: &[u8], value: &[u8]) -> bool {
    let connection: [&[u8]; 5] = [
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-connection",
    ];
    name.iter().any(u8::is_ascii_uppercase)
        || connection.contains(&name)
        || name == b"te" && value != b"trailers"
        || value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..127 => block.push(length as u8),
        length => {
            block.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(bytes);
}

async fn read_frames(
    mut io: OwnedReadHalf,
    mut buffer: Vec<u8>,
    frames: mpsc::Sender<Frame>,
) -> io::Result<()> {
    loop {
        while buffer.len() >= 9 {
            let length =
                usize::from(buffer[0]) << 16 | usize::from(buffer[1]) << 8 | usize::from(buffer[2]);
            if length > 1 << 20 || buffer.len() < 9 + length {
                break;
            }
            let frame = Frame {
                kind: buffer[3],
                flags: buffer[4],
                stream: u32::from_be_bytes([buffer[5] & 0x7f, buffer[6], buffer[7], buffer[8]]),
                payload: buffer[9..9 + length].to_vec(),
            };
            buffer.drain(..9 + length);
            if frames.send(frame).await.is_err() {
                return Ok(());
            }
        }
        buffer.reserve(16 << 10);
        if io.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
