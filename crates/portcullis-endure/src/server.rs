//! The server: a process of its own, which ends with its parent.

use std::{
    convert::Infallible,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::fd::OwnedFd,
    pin::Pin,
    process::{Child, Command, Stdio},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use portcullis::{
    Edge, Health,
    body_limit::RequestBody,
    edge::EdgeLayer,
    serve::{Server, Tls, inherited},
    timeout::Timeout,
};
use portcullis_otel::Telemetry;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

use crate::Outcome;

/// Limits of the server, in seconds.
pub(crate) const HEADER: u64 = 2;
pub(crate) const IDLE: u64 = 3;
pub(crate) const WRITE: u64 = 3;
pub(crate) const BODY: u64 = 3;
pub(crate) const DRAIN: u64 = 2;

/// A running server, stopped when it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

// ===== impl Running =====

impl Running {
    /// Starts `serve OPTION..` on core 0.
    pub(crate) fn start(options: &[&str]) -> Outcome<Self> {
        Self::spawn(options, &[], Stdio::piped())
    }

    /// Starts it with variables of the environment.
    pub(crate) fn with_variables(options: &[&str], variables: &[(&str, &str)]) -> Outcome<Self> {
        Self::spawn(options, variables, Stdio::piped())
    }

    /// Starts it with a listener to inherit.
    pub(crate) fn inheriting(listener: OwnedFd, options: &[&str]) -> Outcome<Self> {
        Self::spawn(
            &[options, &["inherit"]].concat(),
            &[],
            Stdio::from(listener),
        )
    }

    fn spawn(options: &[&str], variables: &[(&str, &str)], stdin: Stdio) -> Outcome<Self> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", "0"])
            .arg(std::env::current_exe()?)
            .arg("serve")
            .args(options)
            .envs(variables.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped());
        if options.contains(&"inherit") {
            // As systemd does, but that the first is standard input.
            command
                .env("LISTEN_FDS", "1")
                .env("LISTEN_FDS_FIRST_FD", "0");
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (plain, tls) = line.trim().split_once(' ').ok_or("no addresses")?;
        Ok(Self {
            child,
            plain: plain.parse()?,
            tls: tls.parse()?,
        })
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(text.ok_or("no VmRSS")?.parse::<u64>()? * 1024)
    }

    pub(crate) fn descriptors(&self) -> Outcome<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> Outcome<()> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err("kill failed".into())
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The edge of [`serve`].
fn edge(options: &[&str], health: &Health) -> Outcome<EdgeLayer> {
    let mut edge = Edge::new().health(health);
    if !options.contains(&"patient") {
        let limits = Timeout::new(Duration::from_secs(30));
        edge = edge.timeout(limits.upload_idle(Duration::from_secs(BODY)));
    }
    if options.contains(&"telemetry") {
        edge = edge.observe(Telemetry::from_env("endure")?.tracing());
    }
    Ok(edge.build()?)
}

/// The inner command. `patient` has the default limits, `health` turns `/ready` before it stops,
/// `inherit` has the listener from its parent and ends on SIGTERM, `telemetry` observes as the
/// environment says.
pub(crate) async fn serve(options: &[&str]) -> Outcome<()> {
    if options.contains(&"bare") {
        return bare(options).await;
    }
    let health = Health::new();
    let edge = edge(options, &health)?;
    let service = service_fn(|request: Request<RequestBody<Incoming>>| {
        if request.uri().path() == "/panic/call" {
            panicked()
        }
        answer(request)
    });
    let mut server = Server::new(edge.layer(service))
        .max_connections(1 << 20)
        .max_client_connections(1 << 20)
        .drain(Duration::from_secs(DRAIN));
    if !options.contains(&"patient") {
        server = server
            .header_timeout(Duration::from_secs(HEADER))
            .handshake_timeout(Duration::from_secs(HEADER))
            .idle_timeout(Duration::from_secs(IDLE))
            .write_timeout(Duration::from_secs(WRITE));
    }
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut plain = loopback;
    if options.contains(&"inherit") {
        for listener in inherited()? {
            server = server.listen(listener);
        }
    } else {
        let listener = TcpListener::bind(loopback).await?;
        plain = listener.local_addr()?;
        server = server.listen(listener);
        server = server.shutdown_on(input_closed());
    }
    let secured = TcpListener::bind(loopback).await?;
    println!("{plain} {}", secured.local_addr()?);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
    let stopped = server.listen_tls(secured, &tls).await?;
    eprintln!("{stopped}");
    Ok(())
}

/// An axum app without an edge: behind `axum::serve` with `axum`, else behind `serve`.
async fn bare(options: &[&str]) -> Outcome<()> {
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "ok" }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("{address} {address}");
    if options.contains(&"axum") {
        axum::serve(listener, app)
            .with_graceful_shutdown(input_closed())
            .await?;
    } else {
        let server = portcullis::serve(listener, app).shutdown_on(input_closed());
        server.max_client_connections(1 << 20).await?;
    }
    Ok(())
}

/// `/large` is 8 MiB, `/slow` takes 100 ms, `/endless` never answers. Others read what they are sent.
async fn answer(request: Request<RequestBody<Incoming>>) -> Result<Response<Answer>, Infallible> {
    let body = match request.uri().path() {
        "/large" => Full::from(Bytes::from_static(&LARGE)),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Full::from("slow")
        }
        "/endless" => std::future::pending().await,
        "/panic/future" => {
            tokio::task::yield_now().await;
            panicked()
        }
        "/panic/body" => return Ok(Response::new(Answer::Panics)),
        _ => {
            let read = request.into_body().collect().await;
            Full::from(if read.is_ok() { "ok" } else { "cut" })
        }
    };
    Ok(Response::new(Answer::Whole(body)))
}

/// What the application answers with.
enum Answer {
    Whole(Full<Bytes>),
    /// A piece, and then a panic.
    Panics,
    Panicking,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Panics => {
                *self = Self::Panicking;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a piece")))))
            }
            Self::Panicking => panicked(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Panics | Self::Panicking => SizeHint::default(),
        }
    }
}

#[expect(clippy::panic, reason = "on purpose")]
fn panicked<T>() -> T {
    panic!("on purpose")
}

pub(crate) async fn input_closed() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    let _ = receiver.await;
}

/// One for all: a thousand of them would fill the machine's memory.
static LARGE: [u8; 8 << 20] = [b'x'; 8 << 20];
