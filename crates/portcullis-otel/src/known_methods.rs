use std::sync::{Arc, LazyLock};

use http::Method;
use portcullis_core::{
    Live,
    observe::{known_method, series::Methods},
};

use crate::variables::Variables;

/// The HTTP methods that are named as they are. Others are `_OTHER`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownMethods(Option<Arc<[String]>>);

/// Of outgoing calls, whose layers are made without a [`Telemetry`](crate::Telemetry).
static INSTALLED: LazyLock<Live<KnownMethods>> = LazyLock::new(|| Live::new(KnownMethods(None)));

// ===== impl KnownMethods =====

impl KnownMethods {
    /// Reads the variable of the conventions: a list in place of the whole default, compared case by
    /// case.
    pub(crate) fn read(variables: &mut Variables) -> Self {
        Self(variables.parse("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", parse))
    }

    /// Sets them for the process: like OpenTelemetry's own providers, one list for all.
    pub(crate) fn install(&self) {
        INSTALLED.store(self.clone());
    }

    /// Returns those of the process.
    pub(crate) fn installed() -> Self {
        Self::clone(&INSTALLED.load())
    }

    /// Returns a method's name, if it is known.
    pub(crate) fn name<'m>(&'m self, method: &Method) -> Option<&'m str> {
        match &self.0 {
            None => known_method(method),
            Some(own) => {
                let mut own = own.iter().map(String::as_str);
                own.find(|known| *known == method.as_str())
            }
        }
    }
}

impl From<&KnownMethods> for Methods {
    fn from(known: &KnownMethods) -> Self {
        match &known.0 {
            None => Self::default(),
            Some(own) => Self::new(own.iter().map(String::as_str)),
        }
    }
}

fn parse(text: &str) -> Result<Arc<[String]>, String> {
    let one = |name: &str| {
        let method = Method::from_bytes(name.as_bytes());
        method
            .map(|method| method.to_string())
            .map_err(|_| format!("{name:?} is not an HTTP method"))
    };
    let methods: Arc<[String]> = text
        .split(',')
        .map(|name| one(name.trim()))
        .collect::<Result<_, _>>()?;
    if methods.len() > MOST {
        return Err(format!("{} methods: {MOST} at most", methods.len()));
    }
    Ok(methods)
}

/// As many as metrics tell apart.
const MOST: usize = 250;
