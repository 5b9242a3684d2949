use std::{
    io,
    net::{self, SocketAddr},
};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::{
    Listener,
    any_io::BoxIo,
    listener::{AnyListener, BACKLOG},
};

/// A listener that was open before this process was: see [`inherited`].
pub struct Inherited(Box<dyn AnyListener>);

/// Returns the listeners that systemd, or a process before this one, hands over (`LISTEN_FDS`, see
/// `sd_listen_fds(3)`), in their order. Empty where there are none.
///
/// Two processes that have one listener lose nothing when the first of them stops: what waits for it
/// is accepted by the other.
///
/// # Errors
///
/// Returns an error when one is neither a listener of TCP nor of a Unix socket.
pub fn inherited() -> io::Result<Vec<Inherited>> {
    let mut handed = ListenFd::from_env();
    let count = handed.len();
    (0..count)
        .filter_map(|index| take(&mut handed, index).transpose())
        .collect()
}

#[cfg(unix)]
fn take(handed: &mut ListenFd, index: usize) -> io::Result<Option<Inherited>> {
    if let Ok(taken) = handed.take_unix_listener(index) {
        return taken
            .map(|listener| {
                listener.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(listener).map(Inherited::new)
            })
            .transpose();
    }
    take_tcp(handed, index)
}

#[cfg(not(unix))]
fn take(handed: &mut ListenFd, index: usize) -> io::Result<Option<Inherited>> {
    take_tcp(handed, index)
}

fn take_tcp(handed: &mut ListenFd, index: usize) -> io::Result<Option<Inherited>> {
    let taken = handed.take_tcp_listener(index)?;
    let listener = taken.map(|listener| from_std(listener).map(Inherited::new));
    listener.transpose()
}

/// Binds an address that other processes bind with the same call (`SO_REUSEPORT`): each gets a share
/// of the connections.
///
/// When one of them stops, Linux resets what waited for it and was not accepted yet, unless
/// `net.ipv4.tcp_migrate_req` is 1. Hand the listener itself over ([`inherited`]) to lose none.
///
/// # Errors
///
/// Returns an error when the address can't be bound, or the system has no such option.
pub fn bind_reuse_port(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    from_std(socket.into())
}

fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

// ===== impl Inherited =====

impl Inherited {
    fn new(listener: impl Listener) -> Self {
        Self(Box::new(listener))
    }
}

impl Listener for Inherited {
    type Io = BoxIo;

    async fn accept(&mut self) -> io::Result<(BoxIo, SocketAddr)> {
        self.0.accept().await
    }

    fn prepare(&mut self) {
        self.0.prepare();
    }
}

impl std::fmt::Debug for Inherited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inherited").finish_non_exhaustive()
    }
}
