//! What layers find out about a request.
//!
//! All facts of a request share one entry of its extensions, so that a whole stack costs one
//! insertion. Layers on the way in set them; handlers, guards and observers read them.
//!
//! # Example
//!
//! ```
//! use portcullis_core::{ClientIp, Facts};
//!
//! let mut request = http::Request::new(());
//! Facts::of_mut(request.extensions_mut()).set(ClientIp([192, 0, 2, 1].into()));
//!
//! let facts = Facts::of(request.extensions());
//! assert_eq!(facts.get::<ClientIp>().map(|ip| ip.0), Some([192, 0, 2, 1].into()));
//! ```

mod address;
mod auth_scheme;
mod client_cert;
mod csp_nonce;
mod deadline;
mod principal;
mod received;
mod request_id;
mod route_slot;
mod scopes;

use http::{Extensions, Uri};
use tokio::time::Instant;

pub use self::{
    address::{ClientIp, Host, PeerAddr, Scheme},
    auth_scheme::AuthScheme,
    client_cert::{ClientCert, PeerCert},
    csp_nonce::CspNonce,
    deadline::{Deadline, Pauses},
    principal::Principal,
    received::Received,
    request_id::{InvalidRequestId, RequestId},
    route_slot::RouteSlot,
    scopes::Scopes,
};

/// What layers found out about a request. See the [module docs](self).
#[derive(Clone, Debug, Default)]
pub struct Facts {
    client_ip: Option<ClientIp>,
    csp_nonce: Option<CspNonce>,
    deadline: Option<Deadline>,
    host: Option<Host>,
    original_uri: Option<OriginalUri>,
    peer: Option<PeerAddr>,
    peer_cert: Option<PeerCert>,
    peer_trusted: bool,
    principal: Option<Principal>,
    received: Option<Received>,
    request_id: Option<RequestId>,
    route_slot: Option<RouteSlot>,
    scheme: Option<Scheme>,
}

/// Finds the URI that a client asked for, where a router changes it.
pub type OriginalUri = fn(&Extensions) -> Option<&Uri>;

/// One of the [`Facts`] of a request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fact that a layer leaves in a request",
    note = "facts are `ClientIp`, `CspNonce`, `Deadline`, `Host`, `PeerAddr`, `PeerCert`, `Principal`, \
            `Received`, `RequestId`, `RouteSlot` and `Scheme`"
)]
pub trait Fact: Clone + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    fn slot(facts: &Facts) -> &Option<Self>;

    #[doc(hidden)]
    fn slot_mut(facts: &mut Facts) -> &mut Option<Self>;
}

mod sealed {
    /// Facts are a closed set.
    #[expect(unnameable_types, reason = "seals a trait")]
    pub trait Sealed {}
}

// ===== impl Facts =====

impl Facts {
    /// Returns the facts of a request; none are known where no layer left any.
    #[must_use]
    #[inline]
    pub fn of(extensions: &Extensions) -> &Self {
        extensions.get().unwrap_or(&NONE)
    }

    /// Returns the facts of a request, to add to them.
    #[inline]
    pub fn of_mut(extensions: &mut Extensions) -> &mut Self {
        extensions.get_or_insert_default()
    }

    /// Returns when a request came: as a layer above read it, or else the current time. Noted for
    /// layers below where a request has facts.
    pub fn receive(extensions: &mut Extensions) -> Instant {
        match extensions.get_mut::<Self>() {
            None => Instant::now(),
            Some(facts) => {
                facts
                    .received
                    .get_or_insert_with(|| Received(Instant::now()))
                    .0
            }
        }
    }

    /// Returns one fact, if a layer found it out.
    #[must_use]
    pub fn get<T: Fact>(&self) -> Option<&T> {
        T::slot(self).as_ref()
    }

    /// Sets one fact. The last value counts.
    pub fn set<T: Fact>(&mut self, fact: T) {
        *T::slot_mut(self) = Some(fact);
    }

    /// Returns the URI that the client asked for, where a router changed it and said how to find it.
    #[must_use]
    pub fn original_uri<'e>(&self, extensions: &'e Extensions) -> Option<&'e Uri> {
        self.original_uri.and_then(|original| original(extensions))
    }

    /// Notes where the router leaves the URI that the client asked for.
    pub const fn set_original_uri(&mut self, original: OriginalUri) {
        self.original_uri = Some(original);
    }

    /// Returns `true` if the peer is a proxy that was declared trusted.
    ///
    /// What such a peer says of the request (its ID, its trace) may be believed.
    #[must_use]
    pub const fn is_peer_trusted(&self) -> bool {
        self.peer_trusted
    }

    /// Notes that the peer is a trusted proxy.
    pub const fn trust_peer(&mut self) {
        self.peer_trusted = true;
    }
}

macro_rules! facts {
    ($($field:ident: $fact:ty),+ $(,)?) => {
        $(
            impl sealed::Sealed for $fact {}

            impl Fact for $fact {
                fn slot(facts: &Facts) -> &Option<Self> {
                    &facts.$field
                }

                fn slot_mut(facts: &mut Facts) -> &mut Option<Self> {
                    &mut facts.$field
                }
            }
        )+
    };
}

facts! {
    client_ip: ClientIp,
    csp_nonce: CspNonce,
    deadline: Deadline,
    host: Host,
    peer: PeerAddr,
    peer_cert: PeerCert,
    principal: Principal,
    received: Received,
    request_id: RequestId,
    route_slot: RouteSlot,
    scheme: Scheme,
}

static NONE: Facts = Facts {
    client_ip: None,
    csp_nonce: None,
    deadline: None,
    host: None,
    original_uri: None,
    peer: None,
    peer_cert: None,
    peer_trusted: false,
    principal: None,
    received: None,
    request_id: None,
    route_slot: None,
    scheme: None,
};
