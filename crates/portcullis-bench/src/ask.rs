//! How the request of a stack looks, and which status it must bring.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri},
};
use portcullis::{Facts, PeerAddr};

/// A key that all stacks accept: prefix, key id, secret, checksum.
pub(crate) const KEY: &str = "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc4iBoSt";

/// The path that is asked for.
pub(crate) const PATH: &str = "/u/42";

/// Where a server leaves the peer's address.
#[derive(Clone, Copy, Debug)]
enum Address {
    ConnectInfo,
    Facts,
}

/// What a stack is asked, and what it must answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    key: Option<&'static str>,
    address: Option<Address>,
    /// The status that every measured answer must have.
    pub(crate) status: StatusCode,
}

impl Ask {
    /// A request with the typical headers and [`KEY`], answered with 200.
    pub(crate) const PLAIN: Self = Self {
        key: Some(KEY),
        address: None,
        status: StatusCode::OK,
    };

    /// Puts the peer's address in the extensions, as `into_make_service_with_connect_info` does.
    pub(crate) const fn with_address(mut self) -> Self {
        self.address = Some(Address::ConnectInfo);
        self
    }

    /// Leaves the peer's address where `portcullis::serve` does.
    pub(crate) const fn with_facts(mut self) -> Self {
        self.address = Some(Address::Facts);
        self
    }

    /// Sends this key, or none.
    pub(crate) const fn with_key(mut self, key: Option<&'static str>) -> Self {
        self.key = key;
        self
    }

    /// Expects this status.
    pub(crate) const fn answered(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The headers besides `host`, by name and value.
    pub(crate) fn headers(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let key = self.key.map(|key| ("x-api-key", key));
        [
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ("accept", "application/json"),
        ]
        .into_iter()
        .chain(key)
    }
}

/// A request made ready once and copied for each turn, as cheaply as a server reads one.
#[derive(Debug)]
pub(crate) struct Blueprint {
    uri: Uri,
    headers: HeaderMap,
    address: Option<Address>,
}

impl Blueprint {
    pub(crate) fn new(ask: Ask) -> Self {
        let headers = ask.headers().chain([("host", "edge.example")]);
        Self {
            uri: Uri::from_static(PATH),
            headers: headers
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect(),
            address: ask.address,
        }
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        match self.address {
            Some(Address::ConnectInfo) => {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            Some(Address::Facts) => Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer)),
            None => {}
        }
        request
    }
}
