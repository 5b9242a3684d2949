use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    },
    request, response,
};
use portcullis_core::{ConfigError, Guard, Reply, Verdict};

use super::{
    CorsBuilder,
    policy::{ALLOW_PRIVATE_NETWORK, Policy},
    preflight::Preflight,
};
use crate::origins::{Origins, Sent};

/// Allows scripts of other sites to use the application. Clones share what is allowed. See the [module
/// docs](super).
#[derive(Clone, Debug)]
pub struct Cors {
    policy: Arc<Policy>,
    /// Another guard further down answers preflights.
    leaves_answers: bool,
}

/// Answers the preflights that a [`Cors`] above admitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preflights(());

// ===== impl Cors =====

impl Cors {
    /// Creates a guard that allows these origins, and for the rest has the defaults:
    /// `https://app.example`, `http://localhost:3000`; `https://*.example.com` for one more label; or `*`
    /// alone for all.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong with them: see [`CorsBuilder::build`].
    pub fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        Self::builder(origins).build()
    }

    /// Creates a guard from more settings than origins.
    pub fn builder(origins: impl IntoIterator<Item = impl AsRef<str>>) -> CorsBuilder {
        CorsBuilder::new(origins)
    }

    pub(super) fn from_policy(policy: Policy) -> Self {
        Self {
            policy: Arc::new(policy),
            leaves_answers: false,
        }
    }

    /// Parts it in two: what allows and refuses, and what answers preflights further down.
    pub(crate) fn in_two(self) -> (Self, Preflights) {
        let leaves = Self {
            leaves_answers: true,
            ..self
        };
        (leaves, Preflights(()))
    }

    /// Returns the origins that are allowed; nothing if that is any.
    pub(crate) fn origins(&self) -> Option<&Origins> {
        self.policy.origins().map(|origins| &**origins)
    }
}

impl Guard for Cors {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let sent = Sent::of(&head.headers);
        let (Some(preflight), Sent::One(origin)) = (Preflight::of(head), sent) else {
            self.policy.tell(sent, reply);
            return Verdict::Admit;
        };
        match self.policy.answer(origin, &preflight, reply) {
            Ok(()) if self.leaves_answers => Verdict::Admit,
            Ok(()) => no_content(),
            Err(rejection) => rejection.into(),
        }
    }

    fn complete(&self, _: &Reply, head: &mut response::Parts) {
        self.policy.vary(&mut head.headers);
    }

    fn strips(&self) -> Vec<HeaderName> {
        FIELDS.to_vec()
    }

    fn describe(&self) -> String {
        let origins = self
            .origins()
            .map_or(vec!["any origin".to_owned()], Origins::names);
        let methods: Vec<_> = self.policy.methods.iter().map(Method::as_str).collect();
        let credentials = if self.policy.has_credentials {
            ", with credentials"
        } else {
            ""
        };
        let (origins, methods) = (origins.join(" "), methods.join(" "));
        format!("CORS for {origins}: {methods}{credentials}")
    }
}

// ===== impl Preflights =====

impl Guard for Preflights {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let is_answered =
            Preflight::of(head).is_some() && matches!(Sent::of(&head.headers), Sent::One(_));
        if is_answered {
            no_content()
        } else {
            Verdict::Admit
        }
    }

    fn describe(&self) -> String {
        "those that CORS allows".to_owned()
    }
}

fn no_content() -> Verdict {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Verdict::answer(response)
}

/// What says what is allowed.
const FIELDS: [HeaderName; 7] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    ALLOW_PRIVATE_NETWORK,
];
