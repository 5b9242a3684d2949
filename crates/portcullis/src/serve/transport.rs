use std::io;

use portcullis_core::Scheme;

use super::any_io::BoxIo;

/// What is between a connection and HTTP.
#[derive(Clone, Debug)]
pub(super) enum Transport {
    /// Nothing, as far as we know.
    Plain,
    #[cfg(feature = "tls")]
    Tls(super::tls::Tls),
}

// ===== impl Transport =====

impl Transport {
    /// Returns the scheme, where it is certain. Behind a plain connection may be a proxy with TLS.
    pub(super) const fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Plain => None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => Some(Scheme::Https),
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn speaking(self, versions: super::limits::Versions) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Tls(tls) => Self::Tls(tls.speaking(versions)),
        }
    }

    pub(super) const fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// # Errors
    ///
    /// Returns an error when the client and the server don't agree.
    pub(super) async fn handshake(&self, io: BoxIo) -> io::Result<BoxIo> {
        match self {
            Self::Plain => Ok(io),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.accept(io).await,
        }
    }
}
