use http::request;
use portcullis_core::{Guard, Reply, Verdict};

use super::Health;

impl Guard for Health {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let Some(probe) = self.paths.probe(head) else {
            return Verdict::Admit;
        };
        self.start();
        Verdict::answer(probe.answer(self))
    }

    fn describe(&self) -> String {
        let checks: Vec<_> = self.checks().map(|(name, _)| name).collect();
        let paths = self.probe_paths().join(" and ");
        if checks.is_empty() {
            format!("{paths}, without checks")
        } else {
            format!("{paths}; checks: {}", checks.join(", "))
        }
    }
}
