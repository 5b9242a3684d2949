//! An issuer on loopback that answers as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

#[derive(Clone)]
pub(super) enum Answer {
    Set(String),
    Status(u16),
    /// To wherever that is, with a set as its body.
    Redirect(String, String),
    /// Announces that many bytes, and sends them.
    Long(usize),
    /// Without an end, in chunks.
    Endless,
    /// A byte from time to time.
    Drip,
    Hang,
    /// Closes the connection.
    Close,
}

pub(super) struct IssuerServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    answer: Mutex<Answer>,
    connections: AtomicUsize,
    requests: AtomicUsize,
    sent: AtomicUsize,
}

// ===== impl IssuerServer =====

impl IssuerServer {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_with(answer, None).await
    }

    pub(super) async fn start_with(answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
        });
        Self {
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
            task: tokio::spawn(serve(listener, tls, Arc::clone(&shared))).abort_handle(),
            shared,
        }
    }

    pub(super) fn url(&self) -> String {
        let port = self.address.port();
        format!("{}://localhost:{port}/jwks.json", self.scheme)
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    pub(super) fn requests(&self) -> usize {
        self.shared.requests.load(Relaxed)
    }

    /// How many bytes of bodies were written.
    pub(super) fn sent(&self) -> usize {
        self.shared.sent.load(Relaxed)
    }
}

impl Drop for IssuerServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (io, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Relaxed);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => answer(io, &shared).await,
                Some(tls) => match tls.accept(io).await {
                    Ok(io) => answer(io, &shared).await,
                    Err(_) => None,
                },
            }
        });
    }
}

/// Whoever goes away ends it.
async fn answer(mut io: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> Option<()> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(io.read_u8().await.ok()?);
    }
    shared.requests.fetch_add(1, Relaxed);
    let answer = shared.answer.lock().unwrap().clone();
    let head = |status: u16, fields: &str| format!("HTTP/1.1 {status} x\r\n{fields}\r\n\r\n");
    let whole = |status, fields: &str, body: &str| {
        let length = body.len();
        head(status, &format!("content-length: {length}{fields}")) + body
    };
    match answer {
        Answer::Set(set) => io.write_all(whole(200, "", &set).as_bytes()).await.ok()?,
        Answer::Status(status) => io.write_all(whole(status, "", "").as_bytes()).await.ok()?,
        Answer::Redirect(to, set) => {
            let answer = whole(302, &format!("\r\nlocation: {to}"), &set);
            io.write_all(answer.as_bytes()).await.ok()?;
        }
        Answer::Long(length) => {
            let head = head(200, &format!("content-length: {length}"));
            io.write_all(head.as_bytes()).await.ok()?;
            for _ in 0..length / CHUNK.len() {
                send(&mut io, CHUNK, shared).await?;
            }
        }
        Answer::Endless => {
            let head = head(200, "transfer-encoding: chunked");
            io.write_all(head.as_bytes()).await.ok()?;
            let chunk = [b"1000\r\n", CHUNK, b"\r\n"].concat();
            loop {
                send(&mut io, &chunk, shared).await?;
            }
        }
        Answer::Drip => {
            let head = head(200, "content-length: 100000");
            io.write_all(head.as_bytes()).await.ok()?;
            loop {
                send(&mut io, b" ", shared).await?;
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
        Answer::Hang => std::future::pending().await,
        Answer::Close => {}
    }
    io.shutdown().await.ok()
}

async fn send(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8], shared: &Shared) -> Option<()> {
    io.write_all(bytes).await.ok()?;
    shared.sent.fetch_add(bytes.len(), Relaxed);
    Some(())
}

const CHUNK: &[u8] = &[b' '; 4096];
