//! What stands behind a key, and whether an answer is that.

use super::{protected, without_id};
use crate::{
    context::Context,
    verdict::Failure,
    wire::{Answer, Request},
};

/// What stands behind a key: what only an answer to the right request has.
#[derive(Clone, Debug)]
pub(super) struct Door {
    behind: String,
}

// ===== impl Door =====

impl Door {
    /// The door of the protected route.
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let path = protected(context)?;
        let public = [
            Request::get(path),
            Request::get(context.control()),
            Request::get(nowhere()),
        ];
        Self::behind(context, &context.get(path), public).await
    }

    /// The door that one request opens, and others do not: a server that answers all paths alike has none.
    pub(super) async fn behind(
        context: &Context,
        opens: &Request,
        public: impl IntoIterator<Item = Request>,
    ) -> Result<Self, Failure> {
        let (first, again) = (context.send(opens).await?, context.send(opens).await?);
        if !first.is_good() {
            let why = format!("{} for {} with the right key", first.status, opens.path);
            return Err(Failure::not_tested(why));
        }
        let behind = lasting(&first);
        if behind != lasting(&again) {
            return Err(Failure::unclear("two answers to the same key differ"));
        }
        if behind.is_empty() {
            return Err(Failure::unclear("the protected answer has no body to know"));
        }
        for request in public {
            if lasting(&context.send(&request).await?) == behind {
                let why = format!("{} has the same body without the key", request.path);
                return Err(Failure::unclear(why));
            }
        }
        Ok(Self { behind })
    }

    /// Whether an answer is what stands behind the door.
    pub(super) fn is_open(&self, answer: &Answer) -> bool {
        answer.is_good() && lasting(answer) == self.behind
    }

    /// Sends each of them. None may be served what stands behind the door.
    pub(super) async fn holds(
        &self,
        context: &Context,
        requests: impl IntoIterator<Item = Request>,
        how: &str,
    ) -> Result<usize, Failure> {
        let mut count = 0;
        for request in requests {
            let answer = match context.expect(&request).await {
                Ok(answer) => answer,
                // A request that can't be written, or a connection that was closed: no way in.
                Err(Failure::Unclear(_)) => continue,
                Err(failure) => return Err(failure),
            };
            let what = format!("{} {} is served {how}", request.method, request.path);
            answer.holds(!self.is_open(&answer), what)?;
            // A limiter's answer tells nothing of the door.
            count += usize::from(answer.status != 429);
        }
        if count == 0 {
            return Err(Failure::unclear("none of the requests was answered"));
        }
        Ok(count)
    }
}

/// A path that no server has.
pub(super) fn nowhere() -> String {
    format!("/siege-{:016x}", rand::random::<u64>())
}

/// What of a body is the same each time: its words without digits in them. Times, counters and IDs have some.
fn lasting(answer: &Answer) -> String {
    let text = without_id(answer);
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && !word.contains(char::is_numeric));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
            ..Answer::default()
        }
    }

    #[test]
    fn knows_what_stands_behind_it() {
        let door = Door {
            behind: lasting(&answer(200, "{\"hello\":\"world\",\"at\":1700000000}")),
        };

        assert!(door.is_open(&answer(200, "{\"hello\":\"world\",\"at\":1700000009}")));
        for other in [
            answer(401, "{\"hello\":\"world\",\"at\":1700000000}"),
            answer(200, "{\"hello\":\"nobody\",\"at\":1700000000}"),
            answer(200, ""),
        ] {
            assert!(!door.is_open(&other), "{other:?}");
        }
    }
}
