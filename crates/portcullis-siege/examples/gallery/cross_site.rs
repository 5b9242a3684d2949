//! What browsers send for other sites.

use crate::{
    app::App,
    faults::Fault,
    message::{Head, Response},
};

impl App {
    /// Whether a request that would change something is no other site's.
    pub(crate) fn cross_site(&self, head: &Head) -> Result<(), Response> {
        let is_safe = matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let is_exempt = is_safe && !self.has(Fault::LinksRefused);
        if is_exempt || self.has(Fault::CrossSite) {
            return Ok(());
        }
        let origins = head.all("origin");
        let host = head.host.as_deref().unwrap_or("");
        let is_own = |origin: &String| {
            *origin == format!("http://{host}")
                || self.has(Fault::OriginNull) && origin == "null"
                || self.has(Fault::OriginUnread)
        };
        let is_fine = match head.one("sec-fetch-site").as_str() {
            "same-origin" | "none" => true,
            "" => origins.iter().all(is_own),
            _ => false,
        };
        if is_fine {
            Ok(())
        } else {
            Err(Response::problem(403, "Forbidden"))
        }
    }
}
