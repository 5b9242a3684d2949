use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::sleep,
};

/// An HTTP/1.1 server on a free port of the loopback address that fails as it is told.
///
/// Each connection meets the next [`Fault`] of the script, and the usual one when that is over. It
/// serves one request and is closed (`connection: close`), so that what is counted is exact. It
/// reads a request's head and as much of a body as `content-length` says, and no more HTTP than
/// that. It ends when it is dropped, and with the runtime.
///
/// # Example
///
/// ```
/// use portcullis_test::{Fault, FaultServer};
/// use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = FaultServer::start().await?;
/// server.script([Fault::status(503).header("retry-after", "1")]);
///
/// for expected in ["HTTP/1.1 503", "HTTP/1.1 200"] {
///     let mut client = TcpStream::connect(server.address()).await?;
///     client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert!(answer.starts_with(expected), "{answer}");
/// }
/// assert_eq!(server.requests(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

/// What a connection meets.
#[derive(Clone, Debug)]
pub struct Fault {
    delay: Duration,
    headers: String,
    end: End,
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Answer {
        status: u16,
        body: &'static str,
    },
    /// Ends after these bytes of a body that was announced as longer.
    Cut {
        sent: &'static str,
    },
    ResetOnAccept,
    ResetOnRequest,
    Hang,
}

#[derive(Debug, Default)]
struct Shared {
    usual: Mutex<Option<Fault>>,
    script: Mutex<VecDeque<Fault>>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

// ===== impl FaultServer =====

impl FaultServer {
    /// Starts a server that answers `200 OK` until told otherwise.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = Self {
            address: listener.local_addr()?,
            shared: Arc::default(),
            task: Mutex::default(),
        };
        server.listen(listener);
        Ok(server)
    }

    /// Returns where it listens, or did.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds what the next connections meet, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        locked(&self.shared.script).extend(faults);
    }

    /// Sets what connections meet when the script is over.
    pub fn usually(&self, fault: Fault) {
        *locked(&self.shared.usual) = Some(fault);
    }

    /// Refuses connections from now on: nothing listens on the port. Those that are open go on.
    pub async fn refuse(&self) {
        let task = locked(&self.task).take();
        if let Some(task) = task {
            task.abort();
            // The listener is closed when the runtime drops the task.
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Accepts connections again.
    ///
    /// # Errors
    ///
    /// Another program took the port.
    pub async fn accept(&self) -> io::Result<()> {
        self.refuse().await;
        self.listen(TcpListener::bind(self.address).await?);
        Ok(())
    }

    /// Returns how many connections it accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    /// Returns how many whole requests it read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Relaxed)
    }

    fn listen(&self, listener: TcpListener) {
        let task = tokio::spawn(serve(listener, Arc::clone(&self.shared)));
        *locked(&self.task) = Some(task.abort_handle());
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        if let Some(task) = locked(&self.task).take() {
            task.abort();
        }
    }
}

// ===== impl Fault =====

impl Fault {
    /// Answers with a status, and a body of a few bytes.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        let body = "fault\n";
        Self::new(End::Answer { status, body })
    }

    /// Closes the connection as soon as it is accepted, with RST.
    #[must_use]
    pub const fn reset() -> Self {
        Self::new(End::ResetOnAccept)
    }

    /// Reads the request, and then closes the connection with RST.
    #[must_use]
    pub const fn reset_on_request() -> Self {
        Self::new(End::ResetOnRequest)
    }

    /// Reads the request, and never answers.
    #[must_use]
    pub const fn hang() -> Self {
        Self::new(End::Hang)
    }

    /// Answers `200 OK`, and closes the connection in the middle of the body.
    #[must_use]
    pub const fn cut() -> Self {
        Self::new(End::Cut { sent: "half of " })
    }

    /// Waits so long before it does the rest.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds a field to the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    const fn new(end: End) -> Self {
        Self {
            delay: Duration::ZERO,
            headers: String::new(),
            end,
        }
    }

    async fn meet(&self, mut io: TcpStream, shared: &Shared) -> io::Result<()> {
        if !matches!(self.end, End::ResetOnAccept) {
            read_request(&mut io).await?;
            shared.requests.fetch_add(1, Relaxed);
        }
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let headers = &self.headers;
        let (status, length, body) = match self.end {
            End::Answer { status, body } => (status, body.len(), body),
            End::Cut { sent } => (200, sent.len() * 2, sent),
            End::ResetOnAccept | End::ResetOnRequest => return io.set_zero_linger(),
            End::Hang => pending().await,
        };
        let answer = format!(
            "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        );
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // One that can't be accepted is the client's.
    loop {
        let Ok((io, _)) = listener.accept().await else {
            continue;
        };
        shared.connections.fetch_add(1, Relaxed);
        let next = locked(&shared.script).pop_front();
        let fault = next.or_else(|| locked(&shared.usual).clone());
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let fault = fault.unwrap_or(Fault::status(200));
            fault.meet(io, &shared).await
        });
    }
}

/// Reads a head, and as much of a body as it announces.
async fn read_request(io: &mut TcpStream) -> io::Result<()> {
    let (mut read, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        let length = io.read(&mut chunk).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let length = fields
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .find_map(|(_, value)| value.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Ok(());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
