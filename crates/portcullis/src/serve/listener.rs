//! Where connections come from.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::any_io::{BoxIo, Io};

/// Accepts connections. Implemented for tokio's listeners of TCP and of Unix sockets; two lines
/// make one of anything else that accepts.
pub trait Listener: Send + 'static {
    /// What a connection is made of.
    type Io: Io;

    /// Waits for a connection, and returns it with its peer.
    ///
    /// What has no address may say that of the loopback interface: it is on this machine.
    ///
    /// # Errors
    ///
    /// Returns an error when there is none. A server logs it, waits, and asks again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;

    /// Prepares for being accepted from. Called once.
    fn prepare(&mut self) {}
}

/// A listener of any kind.
pub(super) trait AnyListener: Send {
    fn accept(&mut self) -> Accepting<'_>;

    fn prepare(&mut self);
}

type Accepting<'l> = Pin<Box<dyn Future<Output = io::Result<(BoxIo, SocketAddr)>> + Send + 'l>>;

// ===== impl Listener =====

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (io, peer) = Self::accept(self).await?;
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = io.set_nodelay(true);
        limit_unsent(&io);
        Ok((io, peer))
    }

    /// Lets more connections wait than the system's default, where a burst waits a second for its
    /// next try.
    fn prepare(&mut self) {
        let _ = SockRef::from(&*self).listen(BACKLOG);
    }
}

#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;

    async fn accept(&mut self) -> io::Result<(Self::Io, SocketAddr)> {
        let (io, _) = Self::accept(self).await?;
        Ok((io, LOCAL))
    }

    fn prepare(&mut self) {
        let _ = SockRef::from(&*self).listen(BACKLOG);
    }
}

// ===== impl AnyListener =====

impl<L: Listener> AnyListener for L {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async {
            let (io, peer) = Listener::accept(self).await?;
            Ok((Box::new(io) as BoxIo, peer))
        })
    }

    fn prepare(&mut self) {
        Listener::prepare(self);
    }
}

/// Keeps what a slow client has not read out of the kernel, where megabytes may wait for it, and
/// lets the server see sooner that it reads.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn limit_unsent(io: &TcpStream) {
    let _ = SockRef::from(io).set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn limit_unsent(_: &TcpStream) {}

/// Of a Unix socket.
#[cfg(unix)]
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Linux makes of it what `net.core.somaxconn` allows: 4096 since 5.4.
pub(super) const BACKLOG: i32 = 4096;

/// Bytes, as browsers and proxies have it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;
