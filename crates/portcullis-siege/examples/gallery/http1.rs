//! A connection of HTTP/1.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    app::App,
    bodies,
    chunks::{self, Chunks},
    faults::Fault,
    message::{Head, Response},
    parse::{self, Framing, Parsed},
    routes::LIMIT,
    server::stopped,
};

/// A connection of HTTP/1.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(crate) app: Arc<App>,
    pub(crate) io: TcpStream,
    pub(crate) peer: IpAddr,
    /// What was read and not used.
    pub(crate) buffer: Vec<u8>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// How many heads were read.
    pub(crate) heads: usize,
    pub(crate) number: u64,
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client is gone, or took too long.
    Gone,
    /// With this as its last answer.
    Refused(u16),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Http1 {
    /// Serves requests until one of the two has enough. The first bytes were read.
    pub(crate) async fn serve(mut self) {
        loop {
            match self.exchange().await {
                Ok(true) => {}
                Ok(false) => return self.linger().await,
                Err(End::Gone) => return,
                Err(End::Refused(status)) => {
                    let response = self.app.malformed(status);
                    let _ = self.write(&response, false, false).await;
                    return self.linger().await;
                }
            }
        }
    }

    /// Serves one request. Returns whether the connection goes on.
    async fn exchange(&mut self) -> Result<bool, End> {
        let bytes = self.head().await?;
        let fault = self.fault_of_head();
        self.heads += 1;
        let mut parsed = parse::parse(&bytes, self.peer, fault).map_err(End::Refused)?;
        parsed.head.connection = self.number;
        if parsed.is_09 && self.app.has(Fault::VersionOnePage) {
            self.io.write_all(PAGE).await?;
            return Ok(false);
        }
        if self.app.has(Fault::AbsoluteFetched)
            && let Some(authority) = &parsed.fetch
        {
            drop(timeout(Duration::from_millis(200), TcpStream::connect(authority)).await);
        }
        let is_upgrade = parsed.head.has("upgrade") && self.app.has(Fault::UpgradeAnything);
        if is_upgrade {
            self.io.write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: any\r\nconnection: upgrade\r\n\r\n").await?;
            return Ok(false);
        }
        self.answer(parsed).await
    }

    async fn answer(&mut self, parsed: Parsed) -> Result<bool, End> {
        let parsed = self.as_read(parsed);
        let Parsed {
            head,
            framing,
            keep_alive,
            ..
        } = parsed;
        let is_head = head.method == "HEAD";
        let expects = head.one("expect").eq_ignore_ascii_case("100-continue");
        if expects && self.app.has(Fault::ContinueFirst) {
            self.io.write_all(CONTINUE).await?;
        }
        let app = Arc::clone(&self.app);
        let has_body = framing != Framing::Length(0);
        let limit = self.limit(&head);
        let exchange = match app.check(head).await {
            Ok(exchange) => exchange,
            Err(refusal) => {
                let goes_on =
                    keep_alive && (!has_body || self.forgets_body(expects, refusal.status));
                self.write(&refusal, is_head, goes_on).await?;
                return Ok(goes_on);
            }
        };
        if expects && has_body && !self.app.has(Fault::ContinueFirst) {
            self.io.write_all(CONTINUE).await?;
        }
        let body = self.body(framing, limit).await;
        let body = body.inspect_err(|_| app.upload_cut())?;
        let response = tokio::select! {
            response = app.handle(exchange, body) => response,
            () = self.client_gone() => return Err(End::Gone),
        };
        let goes_on = keep_alive && !response.cut && !*self.stopping.borrow();
        self.write(&response, is_head, goes_on).await?;
        Ok(goes_on)
    }

    fn limit(&self, head: &Head) -> usize {
        let lifts = self.app.has(Fault::ChunkedUnchecked)
            || self.app.has(Fault::DeclaredUnchecked)
            || self.app.has(Fault::GetBody) && head.method == "GET";
        let fourfold = self.app.has(Fault::BodyFourfold)
            || self.app.has(Fault::ChunksFourfold) && head.has("transfer-encoding");
        match (lifts, fourfold) {
            (true, _) => 1 << 30,
            (false, true) => LIMIT * 4,
            (false, false) => LIMIT,
        }
    }

    /// Returns the bytes of a head, without its empty line.
    async fn head(&mut self) -> Result<Vec<u8>, End> {
        if self.buffer.is_empty() {
            let idle = self.deadline(4, Fault::IdleTimeout);
            let mut stopping = self.stopping.clone();
            let is_kept = self.app.has(Fault::DrainsKept);
            tokio::select! {
                filled = self.fill_by(idle) => filled?,
                () = stopped(&mut stopping), if !is_kept => return Err(End::Gone),
            }
        }
        let mut deadline = self.deadline(2, Fault::HeaderTimeout);
        loop {
            // An empty line before a request is skipped.
            while self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
                if self.app.has(Fault::BlankLineRenews) {
                    deadline = self.deadline(2, Fault::HeaderTimeout);
                }
            }
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            let seen = end.unwrap_or(self.buffer.len());
            if let Some(status) = parse::too_large(&self.buffer[..seen], self.app.fault) {
                return Err(End::Refused(status));
            }
            if parse::has_bare_lf(&self.buffer[..seen], self.fault_of_head()) {
                return Err(End::Refused(400));
            }
            if let Some(end) = end {
                let head = self.buffer.drain(..end + 4).collect::<Vec<u8>>();
                return Ok(head[..end].to_vec());
            }
            self.fill_by(deadline).await?;
            if self.app.has(Fault::LineRenews) && self.buffer.ends_with(b"\r\n") {
                deadline = self.deadline(2, Fault::HeaderTimeout);
            }
        }
    }

    fn deadline(&self, seconds: u64, fault: Fault) -> Instant {
        let seconds = if self.app.has(fault) { 3600 } else { seconds };
        Instant::now() + Duration::from_secs(seconds)
    }

    async fn fill_by(&mut self, deadline: Instant) -> Result<(), End> {
        let read = timeout_at(deadline, self.io.read_buf(&mut self.buffer)).await;
        match read.map_err(|_| End::Gone)?? {
            0 => Err(End::Gone),
            _ => Ok(()),
        }
    }

    async fn body(&mut self, framing: Framing, limit: usize) -> Result<Vec<u8>, End> {
        let mut deadline = self.deadline(3, Fault::BodyTimeout);
        let fault = self.app.fault;
        loop {
            match framing {
                Framing::Length(length) if length > limit as u64 => return Err(End::Refused(413)),
                Framing::Length(length) if self.buffer.len() as u64 >= length => {
                    return Ok(self.buffer.drain(..length as usize).collect());
                }
                Framing::Length(_) => {}
                Framing::Chunked => match chunks::read(&self.buffer, limit, fault) {
                    Chunks::Whole(body, used) => {
                        self.buffer.drain(..used);
                        bodies::weigh(used - body.len(), fault).await;
                        return Ok(body);
                    }
                    Chunks::Wrong(status) => return Err(End::Refused(status)),
                    Chunks::More => {}
                },
            }
            self.fill_by(deadline).await?;
            deadline = bodies::renewed(&self.buffer, fault).unwrap_or(deadline);
        }
    }

    /// Ends when the client does. What it sends meanwhile is kept.
    async fn client_gone(&mut self) {
        while matches!(self.io.read_buf(&mut self.buffer).await, Ok(read) if read > 0) {}
    }

    async fn write(
        &mut self,
        response: &Response,
        is_head: bool,
        keep_alive: bool,
    ) -> Result<(), End> {
        let mut bytes = format!("HTTP/1.1 {} Status\r\n", response.status).into_bytes();
        for (name, value) in &response.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !keep_alive {
            bytes.extend_from_slice(b"connection: close\r\n");
        }
        let with_body = !is_head || self.app.has(Fault::HeadWithBody) && response.status >= 400;
        match (response.cut, response.status) {
            (true, _) => {
                let chunk = format!(
                    "transfer-encoding: chunked\r\n\r\n{:x}\r\n",
                    response.body.len()
                );
                bytes.extend_from_slice(chunk.as_bytes());
                bytes.extend_from_slice(&response.body);
                bytes.extend_from_slice(b"\r\n");
            }
            (false, 204) => bytes.extend_from_slice(b"\r\n"),
            (false, _) => {
                bytes.extend_from_slice(
                    format!("content-length: {}\r\n\r\n", response.body.len()).as_bytes(),
                );
                bytes.extend_from_slice(if with_body { &response.body } else { &[] });
            }
        }
        self.write_slowly(&bytes).await
    }

    /// In pieces: each must be taken in time.
    async fn write_slowly(&mut self, bytes: &[u8]) -> Result<(), End> {
        if self.app.has(Fault::ReadRenews) {
            return self.write_sparingly(bytes).await;
        }
        for piece in bytes.chunks(16 << 10) {
            let deadline = self.deadline(3, Fault::WriteTimeout);
            timeout_at(deadline, self.io.write_all(piece))
                .await
                .map_err(|_| End::Gone)??;
        }
        Ok(())
    }

    /// Whatever is taken renews the limit.
    async fn write_sparingly(&mut self, mut bytes: &[u8]) -> Result<(), End> {
        let mut seconds = 3;
        while !bytes.is_empty() {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            let written = timeout_at(deadline, self.io.write(bytes)).await;
            let taken = written.map_err(|_| End::Gone)??;
            (bytes, seconds) = (&bytes[taken..], 10);
        }
        Ok(())
    }

    /// Closes so that the last answer arrives: what the client still sends is read for a while.
    async fn linger(mut self) {
        let _ = self.io.shutdown().await;
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut scrap = [0; 4096];
        while let Ok(Ok(1..)) = timeout_at(deadline, self.io.read(&mut scrap)).await {}
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What `/health` says.
const PAGE: &[u8] = b"{\"status\":\"healthy\"}";
