use http::request;
use portcullis_core::{Guard, Reply, Verdict};

use super::{Health, report::Probe};

impl Guard for Health {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let Some(probe) = Probe::from_head(head) else {
            return Verdict::Admit;
        };
        self.start();
        Verdict::answer(probe.answer(self))
    }

    fn describe(&self) -> String {
        let checks: Vec<_> = self.checks().map(|(name, _)| name).collect();
        if checks.is_empty() {
            "/health and /ready, without checks".to_owned()
        } else {
            format!("/health and /ready; checks: {}", checks.join(", "))
        }
    }
}
