//! The addresses we come from.
//!
//! Linux has sixteen million loopback addresses. Each attack comes from fresh ones, so that what
//! a server remembers of one never answers for another.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use tokio::net::{TcpSocket, TcpStream};

/// Fresh addresses.
#[derive(Debug)]
pub(crate) struct Sources {
    next: Option<AtomicU32>,
}

// ===== impl Sources =====

impl Sources {
    /// Many, if the server is at an IPv4 loopback address and this machine has more of them.
    pub(crate) fn new(target: IpAddr) -> Self {
        let first = 1 << 16 | rand::random_range(0..128u32 << 16);
        let is_loopback = matches!(target, IpAddr::V4(ip) if ip.is_loopback());
        let many = is_loopback && TcpListener::bind((address(first), 0)).is_ok();
        Self {
            next: many.then(|| AtomicU32::new(first)),
        }
    }

    pub(crate) const fn are_many(&self) -> bool {
        self.next.is_some()
    }

    /// An address that was not used before; `None` if there is only one.
    pub(crate) fn fresh(&self) -> Option<IpAddr> {
        let next = self.next.as_ref()?;
        Some(address(next.fetch_add(1, Relaxed)))
    }
}

/// 127.0.0.0/8, without the first and the last 65,536.
fn address(offset: u32) -> IpAddr {
    let host = (1 << 16) + offset % (254 << 16);
    IpAddr::V4(Ipv4Addr::from_bits(127 << 24 | host))
}

/// Connects from an address, or from wherever the system likes.
pub(crate) async fn connect(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    connect_by(socket(to)?, from, to).await
}

/// The same, with a buffer that holds as little of what comes as the system allows.
pub(crate) async fn connect_narrow(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    socket.set_recv_buffer_size(LEAST_BUFFER)?;
    connect_by(socket, from, to).await
}

fn socket(to: SocketAddr) -> io::Result<TcpSocket> {
    match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

async fn connect_by(
    socket: TcpSocket,
    from: Option<IpAddr>,
    to: SocketAddr,
) -> io::Result<TcpStream> {
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let io = socket.connect(to).await?;
    io.set_nodelay(true)?;
    Ok(io)
}

/// Less is rounded up by the system.
const LEAST_BUFFER: u32 = 2048;
