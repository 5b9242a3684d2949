//! Connections that never end by themselves.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    frames::{self, CONTINUATION, HEADERS, PREFACE},
    server::{BODY, HEADER, IDLE, WRITE},
};

/// A shape of a hostile connection.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Sent twice a second.
    trickle: &'static [u8],
    /// Whether all that comes is read.
    reads: bool,
    pub(crate) over_tls: bool,
    /// Seconds.
    pub(crate) limit: u64,
}

// ===== impl Shape =====

impl Shape {
    fn new(name: &'static str, bytes: impl Into<Vec<u8>>, limit: u64) -> Self {
        Self {
            name,
            bytes: bytes.into(),
            trickle: b"",
            reads: true,
            over_tls: false,
            limit,
        }
    }

    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::new("nothing", b"", HEADER)];
        all.extend(Self::of_http1());
        all.extend(Self::of_http2());
        all.extend(Self::of_tls());
        all
    }

    fn of_http1() -> [Self; 6] {
        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let large = b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n";
        [
            Self::new("half a head", b"GET / HTTP/1.1\r\nhost: a", HEADER),
            Self {
                trickle: b"x: y\r\n",
                ..Self::new(
                    "a line of a head twice a second",
                    b"GET / HTTP/1.1\r\n",
                    HEADER,
                )
            },
            Self {
                trickle: b"\r\n",
                ..Self::new("blank lines, twice a second", b"", HEADER)
            },
            Self::new(
                "half a body",
                b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx",
                BODY,
            ),
            Self::new("idle, HTTP/1", request, IDLE),
            Self {
                reads: false,
                ..Self::new("reads nothing of 8 MiB", large, WRITE)
            },
        ]
    }

    fn of_http2() -> Vec<Self> {
        let prefixes = (1..PREFACE.len()).map(|end| {
            Self::new(
                "a part of HTTP/2's preface, each length",
                &PREFACE[..end],
                HEADER,
            )
        });
        let hello = frames::hello(b"");
        let half = frames::get(1, "/");
        let open = frames::frame(HEADERS, 1, 1, &frames::block("/"));
        let ping: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let more: &[u8] = &[0, 0, 0, CONTINUATION, 0, 0, 0, 0, 1];
        let mut all: Vec<_> = prefixes.collect();
        all.extend([
            Self::new("a preface without SETTINGS", PREFACE, HEADER),
            Self::new("half a HEADERS", [&hello, &half[..12]].concat(), HEADER),
            Self {
                trickle: more,
                ..Self::new("HEADERS without end", [&hello, &open[..]].concat(), HEADER)
            },
            Self {
                trickle: ping,
                ..Self::new("idle but for PINGs, HTTP/2", hello, IDLE)
            },
        ]);
        all
    }

    fn of_tls() -> [Self; 2] {
        let client_hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 200]].concat();
        [
            Self::new("half a hello of TLS", client_hello, HEADER),
            Self::new("nothing, where TLS is", b"", HEADER),
        ]
        .map(|shape| Self {
            over_tls: true,
            ..shape
        })
    }

    /// Opens a connection of this shape. Returns after how long the server closed it.
    pub(crate) async fn hold(&self, address: SocketAddr) -> io::Result<Duration> {
        let began = Instant::now();
        let mut io = self.connect(address).await?;
        io.write_all(&self.bytes).await?;
        let give_up = Duration::from_secs(self.limit + 10);
        if timeout(give_up, self.ended(&mut io)).await.is_err() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(began.elapsed())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if !self.reads {
            socket.set_recv_buffer_size(4096)?;
        }
        socket.connect(address).await
    }

    /// Waits until the server closes it.
    async fn ended(&self, io: &mut TcpStream) {
        let mut bytes = [0; 4096];
        loop {
            let pause = sleep(Duration::from_millis(500));
            if self.reads {
                tokio::select! {
                    read = io.read(&mut bytes) => if !matches!(read, Ok(1..)) { return },
                    () = pause => if !self.trickle_on(io).await { return },
                }
            } else {
                pause.await;
                // Without a read only an error tells.
                if matches!(io.take_error(), Ok(Some(_)) | Err(_)) || is_reset(io) {
                    return;
                }
            }
        }
    }

    async fn trickle_on(&self, io: &mut TcpStream) -> bool {
        self.trickle.is_empty() || io.write_all(self.trickle).await.is_ok()
    }
}

/// Whether the other end is gone: a state of the socket, as nothing may be read to see it.
fn is_reset(io: &TcpStream) -> bool {
    io.try_write(b"x")
        .is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock)
}
