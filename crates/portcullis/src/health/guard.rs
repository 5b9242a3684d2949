use bytes::Bytes;
use http::{Response, request};
use portcullis_core::{Guard, Reply, Verdict};

use super::Health;

impl Guard for Health {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        match self.probe(head) {
            None => Verdict::Admit,
            Some(answer) => Verdict::answer(answer),
        }
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

impl Health {
    /// Answers a request that is a probe.
    #[inline]
    pub(crate) fn probe(&self, head: &request::Parts) -> Option<Response<Bytes>> {
        let probe = self.paths.probe(head)?;
        self.start();
        Some(probe.answer(self))
    }
}
