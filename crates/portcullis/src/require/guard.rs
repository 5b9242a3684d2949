use http::{HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, Cause, ConfigError, Facts, Guard, Need, Paths, Principal, Reason, Rejection,
    RejectionKind, Reply, RequestPath, Scopes, Verdict,
};

/// Admits callers who may do something. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct Require {
    wanted: Wanted,
    /// Only these, if there are any.
    paths: Paths,
}

#[derive(Clone, Debug)]
enum Wanted {
    /// Every one of them.
    Scopes(Scopes),
    /// One of them.
    AnyRole(Scopes),
}

// ===== impl Require =====

impl Require {
    /// Wants every one of these scopes: tokens that are separated by spaces (RFC 6749, section 3.3).
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with them, and an error for none.
    pub fn scopes(scopes: &str) -> Result<Self, ConfigError> {
        Self::new(scopes, Wanted::Scopes)
    }

    /// Wants one of these roles: tokens that are separated by spaces.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with them, and an error for none.
    pub fn any_role(roles: &str) -> Result<Self, ConfigError> {
        Self::new(roles, Wanted::AnyRole)
    }

    fn new(tokens: &str, wanted: fn(Scopes) -> Wanted) -> Result<Self, ConfigError> {
        let tokens = Scopes::parse(tokens)?;
        if tokens.is_empty() {
            return Err(ConfigError::new("required scopes or roles: there is none"));
        }
        Ok(Self {
            wanted: wanted(tokens),
            paths: Paths::default(),
        })
    }

    /// Wants it only of what could be one of these requests. See [`Paths`] for how they are written and
    /// compared.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns, and an error for none.
    pub fn on(self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let paths = Paths::parse(paths)?;
        if paths.is_empty() {
            return Err(ConfigError::new(
                "required scopes or roles: there is no path",
            ));
        }
        Ok(Self { paths, ..self })
    }

    /// Whether it is wanted of all requests.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.paths.is_empty()
    }

    fn is_met(&self, principal: &Principal) -> bool {
        match &self.wanted {
            Wanted::Scopes(wanted) => principal.scopes().contains_all(wanted),
            Wanted::AnyRole(wanted) => wanted.iter().any(|role| principal.roles().contains(role)),
        }
    }

    fn refuse(&self, principal: &Principal) -> Rejection {
        let cause = Cause::new(principal.scheme(), Reason::InsufficientScope);
        let rejection = Rejection::new(RejectionKind::Forbidden)
            .with_layer("require")
            .with_cause(cause.with_subject(principal.id()));
        let challenge = match &self.wanted {
            Wanted::Scopes(wanted) => {
                format!("Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"{wanted}\"")
            }
            Wanted::AnyRole(_) => "Bearer realm=\"api\", error=\"insufficient_scope\"".to_owned(),
        };
        // Scopes have no character that a field may not have.
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => rejection.with_header(WWW_AUTHENTICATE, challenge),
            Err(_) => rejection,
        }
    }
}

impl Guard for Require {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        if !self.is_everywhere() && !self.paths.could_match(&RequestPath::of(head)) {
            return Verdict::Admit;
        }
        match Facts::of(&head.extensions).get::<Principal>() {
            Some(principal) if self.is_met(principal) => Verdict::Admit,
            Some(principal) => self.refuse(principal).into(),
            None => Rejection::new(RejectionKind::Unauthenticated)
                .with_layer("require")
                .with_header(WWW_AUTHENTICATE, CHALLENGE)
                .with_cause(Cause::new(AuthScheme::Other, Reason::NoCredentials))
                .into(),
        }
    }

    fn describe(&self) -> String {
        let wanted = match &self.wanted {
            Wanted::Scopes(wanted) => format!("scopes {wanted}"),
            Wanted::AnyRole(wanted) => format!("any role of {wanted}"),
        };
        if self.paths.is_empty() {
            return wanted;
        }
        let paths: Vec<_> = self.paths.iter().collect();
        format!("{wanted} on {}", paths.join(", "))
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Principal]
    }
}

const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"api\"");
