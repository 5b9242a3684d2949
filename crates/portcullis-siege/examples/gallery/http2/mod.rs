//! A connection of HTTP/2 (RFC 9113), by prior knowledge.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    app::App,
    faults::Fault,
    message::{Head, Response},
    routes::LIMIT,
    server::stopped,
};

mod frame;
mod head;
mod send;
mod waits;

use self::{
    frame::{Frame, read_frames},
    head::Decoder,
    send::Sending,
    waits::calm,
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
    /// Since when SETTINGS or the end of a head is awaited.
    awaits_since: Instant,
    counts: Counts,
    window: i64,
    first_window: i64,
    sends: VecDeque<Sending>,
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
        reading.spawn(read_frames(reader, rest, sender, app.fault));
        let mut connection = Self {
            app,
            io: writer,
            peer,
            streams: HashMap::new(),
            work: JoinSet::new(),
            decoder: Decoder(fluke_hpack::Decoder::new()),
            block: None,
            awaits_since: Instant::now(),
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
            // What the client still sends is read for a while, so that GOAWAY arrives.
            let drained = async { while frames.recv().await.is_some() {} };
            let _ = timeout(Duration::from_millis(300), drained).await;
        }
    }

    async fn run(&mut self, frames: &mut mpsc::Receiver<Frame>) -> Result {
        // MAX_CONCURRENT_STREAMS (3) 100, MAX_HEADER_LIST_SIZE (6) 16384.
        self.send(4, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 6, 0, 0, 0x40, 0])
            .await?;
        loop {
            let is_idle = self.streams.is_empty() && !self.waits_for_ever();
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => self.frame(frame).await?,
                    None => return Err(Goaway(0)),
                },
                Some(Ok((stream, response))) = self.work.join_next() => self.respond(stream, response).await?,
                () = sleep(Duration::from_secs(4)), if is_idle => return Err(Goaway(0)),
                () = sleep(Duration::from_millis(200)), if self.is_waiting() => self.overdue().await?,
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
                self.bound(self.counts.pings, Fault::H2Pings)?;
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
        self.bound(self.counts.settings, Fault::H2Settings)?;
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
        let checks = !matches!(self.app.fault, Fault::H2Length | Fault::FrontLength);
        let Some(known) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        known.body.extend_from_slice(payload);
        let (body, ends) = (known.body.len() as u64, flags & 1 != 0);
        let lies = known
            .length
            .is_some_and(|length| body > length || ends && body < length);
        if lies && checks {
            self.reset(stream, 1).await
        } else if body > LIMIT as u64 {
            self.respond(stream, self.app.malformed(413)).await
        } else if ends {
            self.ended(stream).await
        } else {
            Ok(())
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
            && !matches!(self.app.fault, Fault::H2Length | Fault::FrontLength)
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
}
