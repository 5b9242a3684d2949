//! Refusals that tell causes apart by their heads.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    existence::same_of_unknown,
    form::{Form, SECRET, changed},
    key, protected, ranks,
    refused::without_id,
};
use crate::{
    attacks::failures::head,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Exchange, Request, head_of},
};

/// A refusal, with its head as it came.
#[derive(Debug)]
struct Refusal {
    seen: Exchange,
    /// Its fields in their order.
    fields: Vec<(String, String)>,
}

/// The refusal of one cause, and the fields that differ from one answer to the next.
#[derive(Debug)]
struct Cause {
    refusal: Refusal,
    changing: BTreeSet<String>,
}

// ===== impl Refusal =====

impl Refusal {
    async fn of(context: &Context, request: &Request) -> Result<Self, Failure> {
        let closing = request.clone().header("connection", "close");
        let seen = context.exchange(head(context, &closing)).await?;
        let text = String::from_utf8_lossy(head_of(&seen.received)).into_owned();
        let fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Ok(Self {
            seen,
            fields: places(fields),
        })
    }

    /// Its fields; of those that differ each time, the name.
    fn without<'r>(&'r self, changing: &BTreeSet<String>) -> Vec<(&'r str, &'r str)> {
        let fields = self.fields.iter().map(|(name, value)| {
            let value = if changing.contains(name) { "" } else { value };
            (name.as_str(), value)
        });
        fields.collect()
    }
}

// ===== impl Cause =====

impl Cause {
    /// Sends a request three times: what differs between its answers tells nothing.
    async fn of(context: &Context, request: &Request) -> Result<Self, Failure> {
        let refusal = Refusal::of(context, request).await?;
        let mut changing = BTreeSet::new();
        let first: BTreeMap<_, _> = refusal.fields.iter().cloned().collect();
        for _ in 0..2 {
            let again = Refusal::of(context, request).await?;
            let others = again.fields.iter();
            let others = others.filter(|(name, value)| first.get(name) != Some(value));
            changing.extend(others.map(|(name, _)| name.clone()));
            if again.without(&changing) != refusal.without(&changing) {
                return Err(Failure::unclear("two refusals of one cause differ"));
            }
        }
        Ok(Self { refusal, changing })
    }

    /// Compares the head of another refusal of the same status.
    async fn is_like(
        &self,
        context: &Context,
        request: &Request,
        name: &str,
    ) -> Result<(), Failure> {
        self.compare(context, request, name, true).await
    }

    /// The same, in any order: who sends nothing may be told of more ways in, and that moves other fields.
    async fn is_like_in_any_order(
        &self,
        context: &Context,
        request: &Request,
        name: &str,
    ) -> Result<(), Failure> {
        self.compare(context, request, name, false).await
    }

    async fn compare(
        &self,
        context: &Context,
        request: &Request,
        name: &str,
        in_order: bool,
    ) -> Result<(), Failure> {
        let other = Refusal::of(context, request).await?;
        if other.seen.status() != self.refusal.seen.status() {
            return Ok(());
        }
        let mut ours = self.refusal.without(&self.changing);
        let mut theirs = other.without(&self.changing);
        if !in_order {
            for fields in [&mut ours, &mut theirs] {
                fields.retain(|(name, _)| !is_left_out(name));
                fields.sort_unstable();
            }
        }
        match difference(&ours, &theirs) {
            None => Ok(()),
            Some(what) => {
                let what = format!("the 401 of {name} has other header fields: {what}");
                Err(other.seen.breach(what))
            }
        }
    }
}

/// What is different in the second list.
fn difference(ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> Option<String> {
    let only = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        let found = one.iter().find(|field| !other.contains(field));
        found.map(|(name, _)| (*name).to_owned())
    };
    if ours == theirs {
        None
    } else {
        let named = only(theirs, ours).or_else(|| only(ours, theirs));
        Some(named.unwrap_or_else(|| "their order".to_owned()))
    }
}

/// The fields; of those that are compared elsewhere or nowhere, the place of the first.
fn places(fields: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let placed = fields.filter_map(|(name, value)| {
        if !is_left_out(&name) {
            return Some((name, value));
        }
        let is_first = seen.insert(name.to_ascii_lowercase());
        is_first.then(|| (name, String::new()))
    });
    placed.collect()
}

/// What differs anyway, or is compared elsewhere (the challenge: E02, E03, E10).
fn is_left_out(name: &str) -> bool {
    let names = [
        "date",
        "content-length",
        "x-request-id",
        // Challenges, which may tell who sent nothing of more ways in.
        "www-authenticate",
        "accept-signature",
    ];
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

pub(crate) async fn same_heads(context: &Context) -> Finding {
    let path = protected(context)?;
    let unknown = Request::get(path).with_key(context, UNKNOWN);
    let cause = cause_of_401(context, &unknown).await?;
    let none = Request::get(path);
    cause.is_like_in_any_order(context, &none, "no key").await?;
    let like = context.send(&unknown).await?;
    let mut compared = 1;
    for malformed in ["x", "siege", "_", "=", "a b"] {
        let request = Request::get(path).with_key(context, malformed);
        let answer = context.expect(&request).await?;
        // What is no key at all may be a bad request.
        if answer.status != 401 {
            continue;
        }
        let what = format!("the 401 of the malformed key {malformed:?} differs");
        answer.holds(are_alike(&answer, &like), what)?;
        cause.is_like(context, &request, "a malformed key").await?;
        compared += 1;
    }
    Ok(format!(
        "the same 401, field by field, for {compared} causes"
    ))
}

pub(crate) async fn same_heads_of_known(context: &Context) -> Finding {
    let (path, key) = (protected(context)?, key(context)?);
    let form = Form::parse(key);
    let (unknown, wrong) = match form {
        Some(form) => (
            form.of_nobody(),
            [form.wrong_at(0), form.wrong_at(SECRET - 1)],
        ),
        None => (
            UNKNOWN.to_owned(),
            [changed(key, key.len() / 2), changed(key, key.len() - 1)],
        ),
    };
    let unknown = Request::get(path).with_key(context, unknown);
    let cause = cause_of_401(context, &unknown).await?;
    for wrong in wrong {
        let request = Request::get(path).with_key(context, wrong);
        cause.is_like(context, &request, "a wrong secret").await?;
    }
    if form.is_none() {
        return Err(Failure::unclear(TYPOS));
    }
    Ok("the same 401, field by field, for 2 wrong secrets with right checksums".to_owned())
}

pub(crate) async fn same_heads_of_dead(context: &Context) -> Finding {
    let path = protected(context)?;
    let keys = &context.profile.keys;
    let unknown = Request::get(path).with_key(context, UNKNOWN);
    let cause = cause_of_401(context, &unknown).await?;
    let dead = [
        ("a revoked key", &keys.revoked),
        ("an expired key", &keys.expired),
    ];
    for (name, key) in dead {
        let Some(key) = key else { continue };
        let request = Request::get(path).with_key(context, key);
        cause.is_like(context, &request, name).await?;
        ranks::same_for_another_role(context, name, key).await?;
        ranks::counts_as_a_guess(context, name, key).await?;
    }
    if let Some(key) = &keys.unscoped {
        let keyed = |path: &str| Request::get(path).with_key(context, key);
        let known = context.send(&keyed(path)).await?;
        same_of_unknown(context, &known, keyed, "a key that may not use it").await?;
    }
    Ok("the same, field by field".to_owned())
}

async fn cause_of_401(context: &Context, request: &Request) -> Result<Cause, Failure> {
    let cause = Cause::of(context, request).await?;
    match cause.refusal.seen.status() {
        Some(401) => Ok(cause),
        Some(status) => Err(Failure::unclear(format!("{status} for an unknown key"))),
        None => Err(Failure::unclear("no answer to an unknown key")),
    }
}

fn are_alike(one: &Answer, other: &Answer) -> bool {
    let challenge = "www-authenticate";
    without_id(one) == without_id(other) && one.header(challenge) == other.header(challenge)
}

/// A key that nobody has.
pub(super) const UNKNOWN: &str = "siege_wrong_0123456789abcdef";
/// Of a form that is not known, nobody outside sees why a wrong key is refused.
const TYPOS: &str = "the same 401 for changed keys, but the key's form is not known: a checksum may have \
                     refused them, and no wrong secret was seen";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_place_of_what_is_left_out() {
        let named = |lines: &[(&str, &str)]| {
            let lines = lines.iter();
            places(lines.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let (vary, date) = (("Vary", "a"), ("Date", "now"));

        assert_ne!(named(&[vary, date]), named(&[date, vary]));
        assert_eq!(
            named(&[vary, date]),
            named(&[vary, ("Date", "later"), date])
        );
    }

    #[test]
    fn finds_what_differs_in_two_heads() {
        let (a, b) = (("vary", "Origin"), ("x-a", "1"));

        assert_eq!(difference(&[a, b], &[a, b]), None);
        assert_eq!(difference(&[a], &[a, b]).as_deref(), Some("x-a"));
        assert_eq!(difference(&[a, b], &[b]).as_deref(), Some("vary"));
        assert_eq!(difference(&[a, b], &[b, a]).as_deref(), Some("their order"));
    }
}
