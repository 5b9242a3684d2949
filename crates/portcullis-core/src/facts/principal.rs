use std::sync::Arc;

use super::{AuthScheme, Scopes};
use crate::Quota;

/// Who sent the request. Set by an authentication guard, the same whichever way the caller came in.
///
/// ```
/// use portcullis_core::{AuthScheme, Principal, Scopes};
///
/// # fn main() -> Result<(), portcullis_core::ConfigError> {
/// let alice = Principal::new("alice")
///     .with_scheme(AuthScheme::ApiKey)
///     .with_tenant("acme")
///     .with_scopes(Scopes::parse("read write")?)
///     .with_label("plan", "gold");
///
/// assert!(alice.scopes().contains("read"));
/// assert_eq!(alice.label("plan"), Some("gold"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    id: Box<str>,
    scheme: AuthScheme,
    key: Option<Box<str>>,
    tenant: Option<Box<str>>,
    scopes: Scopes,
    roles: Scopes,
    labels: Vec<(Box<str>, Box<str>)>,
    quota: Option<Quota>,
}

// ===== impl Principal =====

impl Principal {
    /// Creates a principal from its identifier.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Inner {
            id: id.into(),
            scheme: AuthScheme::Other,
            key: None,
            tenant: None,
            scopes: Scopes::default(),
            roles: Scopes::default(),
            labels: Vec::new(),
            quota: None,
        }))
    }

    /// Sets by which scheme the principal came in.
    #[must_use]
    pub fn with_scheme(mut self, scheme: AuthScheme) -> Self {
        self.inner().scheme = scheme;
        self
    }

    /// Sets with which of its keys the principal came.
    #[must_use]
    pub fn with_key(mut self, id: impl Into<Box<str>>) -> Self {
        self.inner().key = Some(id.into());
        self
    }

    /// Sets to whom the principal belongs: a customer, an organisation.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        self.inner().tenant = Some(tenant.into());
        self
    }

    /// Sets what the principal may do.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.inner().scopes = scopes;
        self
    }

    /// Sets which roles the principal has.
    #[must_use]
    pub fn with_roles(mut self, roles: Scopes) -> Self {
        self.inner().roles = roles;
        self
    }

    /// Adds something else that is known of the principal. The last value of a name counts.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        let name = name.into();
        let labels = &mut self.inner().labels;
        labels.retain(|(other, _)| *other != name);
        labels.push((name, value.into()));
        self
    }

    /// Sets a quota of the principal's own, for a limit by principal that
    /// looks for it.
    #[must_use]
    pub fn with_quota(mut self, quota: Option<Quota>) -> Self {
        self.inner().quota = quota;
        self
    }

    /// Returns the identifier, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns by which scheme the principal came in.
    #[must_use]
    pub fn scheme(&self) -> AuthScheme {
        self.0.scheme
    }

    /// Returns the id of the key that the principal came with, safe to log.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Returns to whom the principal belongs.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// Returns what the principal may do.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Returns which roles the principal has.
    #[must_use]
    pub fn roles(&self) -> &Scopes {
        &self.0.roles
    }

    /// Returns the value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels();
        labels.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns all labels, in the order in which they were added.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.0.labels.iter();
        labels.map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Returns the quota of the principal's own, if it has one.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.0.quota
    }

    /// Copies nothing as long as nobody shares the principal.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}
