//! What connections are made of.

use std::{any::Any, time::Duration};

use portcullis_core::PeerCert;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// What a connection is made of: TCP, a Unix socket, TLS over one, or a pipe of a test.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// When this is dropped, what the client hasn't read is discarded, and the connection reset. Else
    /// the system would keep it for a client that doesn't read, and keep the connection.
    #[doc(hidden)]
    fn discard(&self);

    /// Returns the certificate that the client showed in the TLS handshake.
    #[doc(hidden)]
    fn peer_cert(&self) -> Option<PeerCert>;
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {
    fn discard(&self) {
        let any: &dyn Any = self;
        if let Some(tcp) = any.downcast_ref::<TcpStream>() {
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
        if let Some(boxed) = any.downcast_ref::<BoxIo>() {
            (**boxed).discard();
        }
        #[cfg(feature = "tls")]
        super::tls::discard(any);
    }

    fn peer_cert(&self) -> Option<PeerCert> {
        let any: &dyn Any = self;
        if let Some(boxed) = any.downcast_ref::<BoxIo>() {
            return (**boxed).peer_cert();
        }
        #[cfg(feature = "tls")]
        return super::client_roots::peer_cert(any);
        #[cfg(not(feature = "tls"))]
        None
    }
}

/// One type for all kinds, so that hyper's code is there once.
pub(super) type BoxIo = Box<dyn Io>;
