//! G: signed requests. Each attack first shows that a right one is served.

use crate::{
    context::Context,
    profile::Signatures,
    signing::{Draft, PrivateKey},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

mod bodies;
mod fields;
mod forms;
mod replays;
mod table;
mod times;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    bodies::{changed_body, chunked, no_digest, too_little},
    fields::{injection, lines_of_a_field},
    forms::forms,
    replays::{burned_nonces, replays},
    times::{dates, moved},
};

/// A server that takes the profile's signatures.
pub(super) struct Signed<'a> {
    context: &'a Context,
    signatures: &'a Signatures,
    key: &'a PrivateKey,
}

pub(crate) async fn right(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let draft = || signed.draft();
    let mut reversed = draft();
    reversed.components.reverse();
    let mut labelled = draft();
    labelled.label = "siege".to_owned();
    let later = crate::signing::now() + 60;
    let mut requests = vec![
        ("another label", labelled.sign(signed.key)),
        ("another order of components", reversed.sign(signed.key)),
        ("no alg", draft().without_param("alg").sign(signed.key)),
        (
            "expires in a minute",
            draft().date("expires", later).sign(signed.key),
        ),
    ];
    if context.found.http2 {
        requests.push(("HTTP/2", draft().sign(signed.key).http2(true)));
    }
    for (what, request) in &requests {
        let answer = signed.send(request).await?;
        if !answer.is_good() {
            let what = format!("a right signature ({what}): it answers {}", answer.status);
            return Err(signed.breach(&what, request, &answer));
        }
    }
    Ok(format!("served, in {} forms more", requests.len()))
}

// ===== impl Signed =====

impl<'a> Signed<'a> {
    /// Shows that a right signature is served.
    pub(super) async fn admitted(context: &'a Context) -> Result<Self, Failure> {
        let (signatures, key) = (&context.profile.signatures, &context.signing.signatures);
        let (Some(signatures), Some(key)) = (signatures, key) else {
            return Err(Failure::not_tested("no way to sign a request is given"));
        };
        let signed = Self {
            context,
            signatures,
            key,
        };
        let answer = signed.send(&signed.draft().sign(key)).await?;
        if answer.is_good() {
            return Ok(signed);
        }
        Err(Failure::not_tested(format!(
            "a right signature does not open {}: it answers {} ([signatures])",
            signatures.route, answer.status
        )))
    }

    /// Returns a request that the server takes when it is signed. No two have one nonce.
    fn draft(&self) -> Draft {
        let authority = self.context.target.authority();
        Draft::new(self.signatures, self.key, authority)
    }

    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        self.remember(request);
        self.context.send(request).await
    }

    fn remember(&self, request: &Request) {
        let is_signature = |name: &str| name == "signature";
        let headers = request.headers.iter();
        for (_, value) in headers.filter(|(name, _)| is_signature(name)) {
            self.context.remember(&String::from_utf8_lossy(value));
        }
    }

    /// Breached unless a request is refused with 401.
    async fn refuses(&self, what: &str, request: &Request) -> Result<(), Failure> {
        self.refuses_with(&[401], what, request).await
    }

    /// Breached unless a request is refused with one of these.
    async fn refuses_with(
        &self,
        allowed: &[u16],
        what: &str,
        request: &Request,
    ) -> Result<(), Failure> {
        let answer = self.send(request).await?;
        match answer.status {
            status if allowed.contains(&status) => Ok(()),
            429 => Err(Failure::limited()),
            status => Err(self.breach(&format!("{what}: it answers {status}"), request, &answer)),
        }
    }

    /// A signature can't be sent again: the siege makes another.
    fn breach(&self, what: &str, request: &Request, answer: &Answer) -> Failure {
        let evidence = request.evidence(self.context, answer, what);
        evidence.only_in_a_siege().into()
    }

    /// Returns the bytes of a request over HTTP/1, with lines that no library would write.
    fn bytes(&self, request: &Request, lines: &[u8], body: &[u8]) -> Vec<u8> {
        self.remember(request);
        let authority = self.context.target.authority();
        let (method, path) = (&request.method, &request.path);
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
        for (name, value) in &request.headers {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(lines);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }
}
