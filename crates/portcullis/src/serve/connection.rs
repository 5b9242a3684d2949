//! One connection, until it is open for requests.

use std::{future::poll_fn, io, net::SocketAddr, sync::Arc};

use portcullis_core::{PeerCert, Scheme, observe::Escaped};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    any_io::BoxIo,
    begun::Begun,
    limits::{CLOSING, Versions},
    open::Slot,
    proxy,
    server::Settings,
    shutdown::Stage,
    transport::Transport,
    version::{self, Version},
};

/// One connection that was accepted.
pub(super) struct Connection {
    pub(super) io: BoxIo,
    pub(super) peer: SocketAddr,
    pub(super) transport: Transport,
    pub(super) settings: Arc<Settings>,
    pub(super) slot: Slot,
}

/// A connection that is open for requests.
pub(super) struct Opened {
    pub(super) io: BoxIo,
    pub(super) begun: Begun,
    pub(super) version: Version,
    pub(super) peer: SocketAddr,
    pub(super) scheme: Option<Scheme>,
    pub(super) cert: Option<PeerCert>,
    pub(super) settings: Arc<Settings>,
    pub(super) slot: Slot,
}

/// Why a connection never opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There are too many.
    Full,
    /// Its client has too many.
    ClientFull,
    NoProxyHeader,
    NoTls,
    /// It said nothing, or not enough.
    Late,
    /// It had to make room for another.
    Evicted,
    /// The client went away.
    Gone,
}

// ===== impl Connection =====

impl Connection {
    /// Does all that comes before the first request, unless the server stops meanwhile.
    pub(super) async fn open(self) -> Option<Opened> {
        let activity = Arc::clone(self.slot.activity());
        let open = self.slot.open().clone();
        let evicted = poll_fn(|cx| activity.poll_evicted(cx));
        let draining = async {
            poll_fn(|cx| activity.poll_stage(Stage::Draining, cx)).await;
            // Who came ahead of its request is about to ask.
            sleep(CLOSING).await;
        };
        tokio::select! {
            biased;
            opened = self.prepare() => match opened {
                Ok(opened) => Some(opened),
                Err(refused) => {
                    open.tally().refused(refused);
                    None
                }
            },
            () = evicted => {
                open.tally().refused(Refused::Evicted);
                None
            }
            () = draining => None,
        }
    }

    async fn prepare(mut self) -> Result<Opened, Refused> {
        let limits = self.settings.limits;
        let mut until = self.slot.activity().accepted() + limits.head;
        let peer = timeout_at(until, self.introduction()).await;
        let peer = peer.map_err(|_| Refused::NoProxyHeader)??;
        if !self.slot.belongs_to(peer.ip(), limits.of_one_client()) {
            return Err(Refused::ClientFull);
        }
        let scheme = self.settings.scheme.or(self.transport.scheme());
        let mut io = self.io;
        if self.transport.is_tls() {
            let tls = timeout(limits.handshake, self.transport.handshake(io)).await;
            io = tls
                .map_err(|_| Refused::NoTls)?
                .map_err(|_| Refused::NoTls)?;
            // The time to the first head begins here.
            self.slot.activity().head_began();
            until = Instant::now() + limits.head;
        }
        let cert = io.peer_cert();
        let mut begun = Begun::new();
        let version = timeout_at(until, version::read(&mut io, &mut begun)).await;
        let version = version
            .map_err(|_| Refused::Late)?
            .map_err(|_| Refused::Gone)?;
        Ok(Opened {
            io,
            begun,
            version: limits.versions.choose(version),
            peer,
            scheme,
            cert,
            settings: self.settings,
            slot: self.slot,
        })
    }

    /// Returns whom a proxy speaks for, or the peer itself.
    async fn introduction(&mut self) -> Result<SocketAddr, Refused> {
        let peer = self.peer;
        if !self.settings.proxies.contains(peer.ip()) {
            return Ok(peer);
        }
        let source: io::Result<_> = proxy::read(&mut self.io).await;
        source
            .map(|source| source.unwrap_or(peer))
            .map_err(|error| {
                let error = Escaped::new(error);
                tracing::warn!(target: "portcullis", proxy = %peer, %error, "closed");
                Refused::NoProxyHeader
            })
    }
}

// ===== impl Versions =====

impl Versions {
    /// Who speaks another version than the one there is has its bytes refused by that.
    const fn choose(self, spoken: Version) -> Version {
        match self {
            Self::Both => spoken,
            Self::Http1 => Version::Http1,
            Self::Http2 => Version::Http2,
        }
    }
}
