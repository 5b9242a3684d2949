use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use super::SetRequestId;

/// Applies [`SetRequestId`]. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    header: Header,
}

/// The header that carries the ID. Cheap to clone: it goes with every request.
#[derive(Clone, Debug)]
pub(super) enum Header {
    Off,
    Default,
    Own(Arc<HeaderName>),
}

impl RequestIdLayer {
    /// Creates a layer that uses the `x-request-id` header.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: Header::Default,
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            header: Header::Off,
        }
    }

    /// Uses another header.
    #[must_use]
    pub fn header_name(mut self, name: HeaderName) -> Self {
        self.header = Header::Own(Arc::new(name));
        self
    }

    /// The header that carries the ID, unless the layer is off.
    #[must_use]
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.name()
    }
}

// ===== impl Header =====

impl Header {
    pub(super) fn name(&self) -> Option<&HeaderName> {
        match self {
            Self::Off => None,
            Self::Default => Some(&X_REQUEST_ID),
            Self::Own(name) => Some(name),
        }
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = SetRequestId<S>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        SetRequestId::new(inner, self.header.clone())
    }
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
