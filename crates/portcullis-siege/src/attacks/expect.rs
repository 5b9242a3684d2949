//! What is expected of an answer: the commonest shape of an attack, in a line.

use std::{borrow::Cow, ops::Deref};

use crate::{
    context::Context,
    verdict::Failure,
    wire::{Answer, Request},
};

/// An answer of which something is expected. A breach shows it with its request.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    context: &'a Context,
    request: &'a Request,
    answer: Cow<'a, Answer>,
}

/// Expects something of an answer that is there.
pub(crate) const fn expect<'a>(
    context: &'a Context,
    request: &'a Request,
    answer: &'a Answer,
) -> Expected<'a> {
    Expected {
        context,
        request,
        answer: Cow::Borrowed(answer),
    }
}

// ===== impl Context =====

impl Context {
    /// Sends a request, and expects something of its answer.
    pub(crate) async fn expect<'a>(
        &'a self,
        request: &'a Request,
    ) -> Result<Expected<'a>, Failure> {
        Ok(Expected {
            context: self,
            request,
            answer: Cow::Owned(self.send(request).await?),
        })
    }
}

// ===== impl Expected =====

impl Expected<'_> {
    /// Breached unless it has one of these statuses. `of` is what was sent, in words.
    pub(crate) fn status(&self, expected: impl AsRef<[u16]>, of: &str) -> Result<&Self, Failure> {
        let (status, expected) = (self.answer.status, expected.as_ref());
        if expected.contains(&status) {
            return Ok(self);
        }
        // A limit came before what was to answer.
        if status == 429 {
            return Err(Failure::unclear(format!(
                "429 for {of}: a limit is in the way"
            )));
        }
        let each: Vec<_> = expected.iter().map(u16::to_string).collect();
        let each = each.join(" or ");
        self.flawless(Some(format!("{status} for {of}: {each} was expected")))
    }

    /// Breached unless it is so. `otherwise` is what is wrong then.
    pub(crate) fn holds(
        &self,
        is_so: bool,
        otherwise: impl Into<String>,
    ) -> Result<&Self, Failure> {
        self.flawless((!is_so).then_some(otherwise))
    }

    /// Breached if anything is wrong.
    pub(crate) fn flawless(&self, wrong: Option<impl Into<String>>) -> Result<&Self, Failure> {
        match wrong {
            None => Ok(self),
            Some(what) => Err(self.request.breach(self.context, &self.answer, what)),
        }
    }
}

impl Deref for Expected<'_> {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}
