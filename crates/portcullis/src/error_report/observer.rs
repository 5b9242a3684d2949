use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use portcullis_core::{
    ConfigError, Counts, Exchange, Observer, Principal, Route,
    observe::{Escaped, Panic},
};

use super::{ErrorKind, ErrorReport, reporter::Reporter};

/// Reports exchanges that went wrong. Clones are handles to one reporter. See the [module docs](super).
#[derive(Clone)]
pub struct ErrorReports {
    /// Unless reports are logged.
    reporter: Option<Arc<Reporter>>,
    has_refusals: bool,
}

// ===== impl ErrorReports =====

impl ErrorReports {
    /// Calls a function with each report, on a thread of its own: it may block, and no request waits for it.
    /// At most 256 reports wait; more are dropped, and counted. A panic of the function is caught and logged.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
    pub fn new(report: impl FnMut(&ErrorReport) + Send + 'static) -> Result<Self, ConfigError> {
        Ok(Self {
            reporter: Some(Arc::new(Reporter::start(report)?)),
            has_refusals: false,
        })
    }

    /// Logs each report: an event of the target `portcullis::errors` at `ERROR`.
    #[must_use]
    pub const fn to_tracing() -> Self {
        Self {
            reporter: None,
            has_refusals: false,
        }
    }

    /// Reports requests too that a layer refused with a 5xx status, since something is down or there is no
    /// capacity left. Off by default: under overload there are many.
    #[must_use]
    pub const fn with_refusals(mut self) -> Self {
        self.has_refusals = true;
        self
    }

    /// Waits until everything is reported that ended before, at most this long. Returns `false` if that takes
    /// longer.
    pub async fn flush(&self, limit: Duration) -> bool {
        match &self.reporter {
            Some(reporter) => reporter.flush(limit).await,
            None => true,
        }
    }
}

impl Observer for ErrorReports {
    fn end(&self, exchange: &Exchange) {
        let Some(report) = ErrorReport::of(exchange) else {
            return;
        };
        if report.kind() == ErrorKind::Refused && !self.has_refusals {
            return;
        }
        match &self.reporter {
            Some(reporter) => reporter.push(report),
            None => log(&report),
        }
    }

    fn own_counts(&self) -> Option<Arc<dyn Counts>> {
        Some(self.reporter.as_ref()?.counts())
    }

    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let flushed = self.reporter.as_ref()?.flushed();
        Some(Box::pin(flushed))
    }

    fn describe(&self) -> String {
        "error reports".to_owned()
    }
}

impl fmt::Debug for ErrorReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorReports")
            .field("has_refusals", &self.has_refusals)
            .finish_non_exhaustive()
    }
}

fn log(report: &ErrorReport) {
    let trace = report.trace();
    let panic = report.panic();
    let principal = report.principal().map(Principal::id);
    tracing::error!(
        target: "portcullis::errors",
        request_id = report.request_id().map(display),
        trace_id = trace.map(|trace| trace.trace_id_hex().to_string()),
        span_id = trace.map(|trace| trace.span_id_hex().to_string()),
        error.type = report.kind().as_str(),
        http.request.method = %Escaped::new(report.method()),
        http.route = report.route().map(Route::as_str),
        http.response.status_code = report.status().map(|status| status.as_u16()),
        user.id = principal.map(|id| Escaped::new(id).to_string()),
        panic = panic.map(|panic| Escaped::new(panic.message()).to_string()),
        location = panic.and_then(Panic::location),
        "a request failed"
    );
}
