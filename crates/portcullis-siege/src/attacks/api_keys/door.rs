//! What stands behind a key, and whether an answer is that.

use super::{protected, refused::without_id};
use crate::{
    context::Context,
    verdict::Failure,
    wire::{Answer, Request},
};

/// What stands behind a key: what only an answer to the right request has. Where the route is shut without
/// one, any good answer of it is a way in, whomever the server takes us for.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Nothing, if the right answer has nothing to know it by.
    behind: Option<String>,
    /// Whether it refuses who has no key.
    is_shut: bool,
    /// What anybody gets.
    public: Vec<String>,
}

/// A request with a trick, and requests that must not be served either if the trick is why it is.
#[derive(Clone, Debug)]
pub(super) struct Try {
    request: Request,
    twins: Vec<Request>,
}

// ===== impl Door =====

impl Door {
    /// The door of the protected route.
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let path = protected(context)?;
        let public = [context.control(), "/", &nowhere()].map(Request::get);
        let plain = context.send(&Request::get(path)).await?;
        let is_shut = matches!(plain.status, 401 | 403);
        let door = Self::behind(context, &context.get(path), public).await;
        match door {
            Ok(door) if door.is_known(&plain) => Err(Failure::unclear(format!(
                "{path} has the same body without the key"
            ))),
            Ok(door) => Ok(Self { is_shut, ..door }),
            // It is known by its refusals.
            Err(Failure::Unclear(_)) if is_shut => Ok(Self {
                behind: None,
                is_shut,
                public: Vec::new(),
            }),
            Err(failure) => Err(failure),
        }
    }

    /// The door that one request opens, and others do not: a server that answers all paths alike has none.
    pub(super) async fn behind(
        context: &Context,
        opens: &Request,
        public: impl IntoIterator<Item = Request>,
    ) -> Result<Self, Failure> {
        let (first, again) = (context.send(opens).await?, context.send(opens).await?);
        if first.status == 429 || again.status == 429 {
            return Err(Failure::unclear(
                "429 for the right key: a limit is in the way",
            ));
        }
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
        let mut seen = Vec::new();
        for request in public {
            let answer = context.send(&request).await?;
            if lasting(&answer) == behind {
                let why = format!("{} has the same body without the key", request.path);
                return Err(Failure::unclear(why));
            }
            if answer.is_good() {
                seen.push(lasting(&answer));
            }
        }
        Ok(Self {
            behind: Some(behind),
            is_shut: false,
            public: seen,
        })
    }

    /// Whether an answer is what stands behind the door.
    fn is_open(&self, answer: &Answer) -> bool {
        answer.is_good() && self.is_known(answer)
    }

    fn is_known(&self, answer: &Answer) -> bool {
        self.behind.as_deref() == Some(&lasting(answer))
    }

    /// Whether a good answer is none that anybody gets.
    fn may_be_in(&self, answer: &Answer) -> bool {
        self.is_shut && answer.is_good() && !self.public.contains(&lasting(answer))
    }

    /// Sends each of them. None may be served what stands behind the door.
    pub(super) async fn holds<T: Into<Try>>(
        &self,
        context: &Context,
        tries: impl IntoIterator<Item = T>,
        how: &str,
    ) -> Result<usize, Failure> {
        let (mut count, mut limited) = (0, 0);
        for one in tries {
            let one = one.into();
            let request = &one.request;
            let answer = match context.expect(request).await {
                Ok(answer) => answer,
                // A request that can't be written, or a connection that was closed: no way in.
                Err(Failure::Unclear(_)) => continue,
                Err(failure) => return Err(failure),
            };
            let what = format!("{} {} is served {how}", request.method, request.path);
            answer.holds(!self.is_open(&answer), &what)?;
            let is_in = self.may_be_in(&answer) && one.no_twin_is_served(context).await?;
            answer.holds(!is_in, format!("{what}, and is refused otherwise"))?;
            count += 1;
            // A limiter's answer tells nothing of the door.
            limited += usize::from(answer.status == 429);
        }
        if limited > 0 {
            let why = format!("429 for {limited} of {count} requests: a limit is in the way");
            return Err(Failure::unclear(why));
        }
        if count == 0 {
            return Err(Failure::unclear("none of the requests was answered"));
        }
        Ok(count)
    }
}

// ===== impl Try =====

impl Try {
    /// With twins: what the server serves anyway shows nothing.
    pub(super) fn new(request: Request, twins: impl IntoIterator<Item = Request>) -> Self {
        let twins = twins.into_iter().collect();
        Self { request, twins }
    }

    async fn no_twin_is_served(&self, context: &Context) -> Result<bool, Failure> {
        for twin in &self.twins {
            match context.send(twin).await {
                Ok(answer) if answer.is_good() || answer.status == 429 => return Ok(false),
                Ok(_) | Err(Failure::Unclear(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(true)
    }
}

/// The same request without its trick is the one that the door refused.
impl From<Request> for Try {
    fn from(request: Request) -> Self {
        Self::new(request, [])
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
            behind: Some(lasting(&answer(
                200,
                "{\"hello\":\"world\",\"at\":1700000000}",
            ))),
            is_shut: false,
            public: Vec::new(),
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

    #[test]
    fn a_way_in_as_somebody_else_is_one() {
        let mut door = Door {
            behind: Some("tasks of alice".to_owned()),
            is_shut: true,
            public: vec!["status ok".to_owned()],
        };

        assert!(door.may_be_in(&answer(200, "{\"tasks\":[]}")));
        assert!(door.may_be_in(&answer(204, "")));
        assert!(!door.may_be_in(&answer(200, "{\"status\":\"ok\"}")));
        assert!(!door.may_be_in(&answer(302, "{\"tasks\":[]}")));
        door.is_shut = false;
        assert!(!door.may_be_in(&answer(200, "{\"tasks\":[]}")));
    }
}
