//! E05: whether a wrong key's time tells how much of it is right.

mod planted;
mod statistics;

use std::time::Duration;

use tokio::time::Instant;

use self::{planted::planted, statistics::Difference};
use super::{
    form::{Form, SECRET, changed},
    key, protected,
};
use crate::{
    context::Context,
    process::Process,
    verdict::{Evidence, Failure, Finding},
    wire::{Client, Request},
};

pub(crate) async fn timing(context: &Context) -> Finding {
    let key = key(context)?;
    let is_this_program = context.found.process.is_some_and(Process::is_this);
    if is_this_program && cfg!(debug_assertions) {
        let why = "a debug build says nothing of a release's timing: cargo test --release";
        return Err(Failure::not_tested(why));
    }
    let count = match context.intensity {
        crate::Intensity::Quick => 3000,
        crate::Intensity::Full => 10_000,
    };
    let planted = planted(context, key).await?;
    if !planted.leaks() {
        return Err(Failure::unclear(format!(
            "the planted leak was not found: {}",
            planted.text()
        )));
    }
    let mut notes = Vec::new();
    for pair in Pair::all(key) {
        pair.are_refused(context).await?;
        let (seen, leaks) = pair.settle(context, count).await?;
        if leaks {
            return Err(pair.breach(context, seen, planted)?);
        }
        notes.push(format!("{}: {}", pair.name, seen.text()));
    }
    let planted = planted.text();
    Ok(format!(
        "{}; planted leak of 1 us a byte: {planted}{}",
        notes.join("; "),
        if Form::parse(key).is_some() {
            ""
        } else {
            TYPOS
        }
    ))
}

/// Two wrong keys whose refusals should take as long as each other.
#[derive(Debug)]
struct Pair {
    name: &'static str,
    keys: [String; 2],
}

// ===== impl Pair =====

impl Pair {
    /// Of a form that is known, all are well-formed: a checksum refuses none of them.
    fn all(key: &str) -> [Self; 2] {
        let (one, other) = match Form::parse(key) {
            Some(form) => (
                (
                    "an unknown id against a wrong secret of a known one",
                    [form.of_nobody(), form.wrong_at(0)],
                ),
                (
                    "a secret with a wrong first byte against one with a wrong last byte",
                    [form.wrong_at(0), form.wrong_at(SECRET - 1)],
                ),
            ),
            None => (
                (
                    "a wrong first byte against the last byte",
                    [changed(key, 0), changed(key, key.len() - 1)],
                ),
                (
                    "a wrong first byte against an unknown key",
                    [changed(key, 0), unknown(key)],
                ),
            ),
        };
        [one, other].map(|(name, keys)| Self { name, keys })
    }

    /// Only what is refused as a wrong key can be compared.
    async fn are_refused(&self, context: &Context) -> Result<(), Failure> {
        for key in &self.keys {
            let request = Request::get(protected(context)?).with_key(context, key);
            let status = context.send(&request).await?.status;
            if status != 401 {
                return Err(Failure::unclear(format!(
                    "a wrong key is answered with {status}: only answers of 401 are compared"
                )));
            }
        }
        Ok(())
    }

    /// Measures again when something was seen, or may be lost in the noise of a busy machine. A hiccup is
    /// not seen twice in three times, with the same sign.
    async fn settle(&self, context: &Context, count: usize) -> Result<(Difference, bool), Failure> {
        let mut before: Vec<Difference> = Vec::new();
        loop {
            let seen = self.measure(context, count).await?;
            if before.iter().any(|first| first.agrees(seen)) {
                return Ok((seen, true));
            }
            before.push(seen);
            let is_quiet = before.iter().all(|seen| seen.is_quiet());
            if is_quiet || before.len() == 3 {
                return Ok((seen, false));
            }
        }
    }

    async fn measure(&self, context: &Context, count: usize) -> Result<Difference, Failure> {
        measure(context, &self.keys[0], &self.keys[1], count).await
    }

    fn breach(
        &self,
        context: &Context,
        seen: Difference,
        planted: Difference,
    ) -> Result<Failure, Failure> {
        let request = Request::get(protected(context)?).with_key(context, &self.keys[1]);
        let evidence = Evidence::new(format!("{}: {}", self.name, seen.text()))
            .sent(format!(
                "{} requests with each key, interleaved",
                seen.samples / 2
            ))
            .received(format!("the planted leak: {}", planted.text()));
        Ok(evidence.repeat(request.curl(context)).into())
    }
}

/// A key of the same length that shares nothing.
fn unknown(key: &str) -> String {
    key.chars()
        .map(|c| if c == 'z' { 'y' } else { 'z' })
        .collect()
}

/// Interleaved, in random order, so that whatever changes with time changes both.
async fn measure(
    context: &Context,
    one: &str,
    other: &str,
    count: usize,
) -> Result<Difference, Failure> {
    let requests = [one, other]
        .map(|key| Request::get(protected(context).unwrap_or("/")).with_key(context, key));
    let mut times = [Vec::new(), Vec::new()];
    let mut client = warm(context).await?;
    let start = Instant::now();
    loop {
        let samples = times[0].len() + times[1].len();
        let is_slow = start.elapsed() > LONGEST && samples >= FEW * 2;
        if samples >= count * 2 || is_slow {
            break;
        }
        let which = usize::from(rand::random::<bool>());
        let began = Instant::now();
        let answer = client.send(context, &requests[which]).await;
        let took = began.elapsed();
        match answer {
            Ok(answer) if answer.status == 401 => {
                times[which].push(took.as_nanos() as f64 / 1000.0);
            }
            // Limited, locked out, or closed: from another address.
            _ => client = warm(context).await?,
        }
    }
    Ok(Difference::new(times))
}

/// A connection from a fresh address. Its first answer pays for its beginning: that of the right key, which
/// is no failure that is counted.
async fn warm(context: &Context) -> Result<Client, Failure> {
    let mut client = Client::connect(context, context.fresh(), false).await?;
    let request = Request::get(protected(context)?).key(context);
    drop(client.send(context, &request).await);
    Ok(client)
}

/// A server that takes milliseconds for a key is measured with fewer samples: what it tells is larger, too.
const LONGEST: Duration = Duration::from_secs(3);
const FEW: usize = 60;
/// Of a form that is not known, nobody outside sees why a wrong key is refused.
const TYPOS: &str = "; the key's form is not known: if it has a checksum, only typos were compared";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_our_own_form_no_pair_has_a_typo() {
        let key = portcullis::api_key::ApiKey::generate("pk").unwrap();
        let [ids, secrets] = Pair::all(key.expose());

        for wrong in ids.keys.iter().chain(&secrets.keys) {
            assert!(portcullis::api_key::ApiKey::parse(wrong).is_ok(), "{wrong}");
            assert_ne!(wrong, key.expose());
        }
        let id = |key: &str| {
            portcullis::api_key::ApiKey::parse(key)
                .unwrap()
                .id()
                .to_owned()
        };
        assert_ne!(id(&ids.keys[0]), key.id());
        assert!(
            [&ids.keys[1], &secrets.keys[0], &secrets.keys[1]]
                .map(|wrong| id(wrong))
                .iter()
                .all(|id| id == key.id())
        );
    }

    #[test]
    fn of_a_foreign_form_bytes_are_changed() {
        let [bytes, whole] = Pair::all("gal_valid_4f9c2b7d1e8a6053");

        assert_eq!(
            bytes.keys,
            ["aal_valid_4f9c2b7d1e8a6053", "gal_valid_4f9c2b7d1e8a605a"]
        );
        assert_eq!(whole.keys[1], "z".repeat(26));
    }
}
