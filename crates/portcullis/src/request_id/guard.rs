use std::sync::Arc;

use http::{HeaderName, request};
use portcullis_core::{Facts, Guard, Reply, RequestId, Verdict};

use super::generate;

/// Sets the ID of every request. See the [module docs](super).
#[derive(Clone, Debug, Default)]
pub struct SetRequestId {
    /// Unless it is the usual one.
    header: Option<Arc<HeaderName>>,
}

// ===== impl SetRequestId =====

impl SetRequestId {
    /// Creates a guard that uses the `x-request-id` header.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: None }
    }

    /// Sets the header that carries the ID.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName) -> Self {
        self.header = Some(Arc::new(name));
        self
    }

    /// Returns the header that carries the ID.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        self.header.as_deref().unwrap_or(&X_REQUEST_ID)
    }

    /// Takes what somebody else sent out of the application's sight.
    fn write_over(&self, head: &mut request::Parts, id: &RequestId) {
        if head.headers.contains_key(self.header()) {
            head.headers.insert(self.header(), id.to_header_value());
        }
    }

    /// Returns the ID that a trusted peer sent, if it is one.
    fn kept(&self, head: &request::Parts) -> Option<RequestId> {
        if !Facts::of(&head.extensions).is_peer_trusted() {
            return None;
        }
        let mut sent = head.headers.get_all(self.header()).iter();
        match (sent.next(), sent.next()) {
            (Some(only), None) => RequestId::parse(only.as_bytes()).ok(),
            _ => None,
        }
    }
}

impl Guard for SetRequestId {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let known = Facts::of(&head.extensions).get().cloned();
        let is_known = known.is_some();
        let id = known.or_else(|| self.kept(head)).unwrap_or_else(generate);
        id.with_text(|text| reply.write(self.header().clone(), text));
        self.write_over(head, &id);
        if is_known {
            return Verdict::Admit;
        }
        reply.open_span();
        Facts::of_mut(&mut head.extensions).set(id);
        Verdict::Admit
    }

    fn writes(&self) -> Vec<HeaderName> {
        vec![self.header().clone()]
    }

    fn describe(&self) -> String {
        self.header().to_string()
    }
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
