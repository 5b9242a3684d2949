use http::HeaderName;
use tower_layer::Layer;

use super::SetRequestId;

/// Applies [`SetRequestId`]. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    header: Option<HeaderName>,
}

impl RequestIdLayer {
    /// Creates a layer that uses the `x-request-id` header.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: Some(X_REQUEST_ID),
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { header: None }
    }

    /// Uses another header.
    #[must_use]
    pub fn header_name(mut self, name: HeaderName) -> Self {
        self.header = Some(name);
        self
    }

    /// The header that carries the ID, unless the layer is off.
    #[must_use]
    pub const fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = SetRequestId<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SetRequestId::new(inner, self.header.clone())
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
