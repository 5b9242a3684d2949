use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use portcullis_core::{BoxError, Rejection, Standing};
use tokio::time::{Timeout, timeout};

use super::guard::State;
use crate::rate_limit::{
    Spent,
    rules::{MAX_POLICIES, Rules, Spendings},
};

pin_project! {
    /// Waits for a [`QuotaStore`](portcullis_core::QuotaStore), for as long as it may take.
    pub struct Ask<F> {
        #[pin]
        answer: Timeout<F>,
        // Boxed: an answer that waits for the network may cost an allocation, a verdict that does
        // not must not be larger for it.
        question: Box<Question>,
    }
}

struct Question {
    state: Arc<State>,
    rules: Arc<Rules>,
    spendings: Spendings<MAX_POLICIES>,
    now: u64,
}

// ===== impl Ask =====

impl<F> Ask<F>
where
    F: Future<Output = Result<Vec<Standing>, BoxError>>,
{
    pub(super) fn new(
        answer: F,
        time_limit: Duration,
        state: Arc<State>,
        rules: Arc<Rules>,
        spendings: Spendings<MAX_POLICIES>,
        now: u64,
    ) -> Self {
        Self {
            answer: timeout(time_limit, answer),
            question: Box::new(Question {
                state,
                rules,
                spendings,
                now,
            }),
        }
    }
}

impl<F> Future for Ask<F>
where
    F: Future<Output = Result<Vec<Standing>, BoxError>>,
{
    type Output = Result<Spent, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match ready!(this.answer.poll(cx)) {
            Ok(answer) => answer,
            Err(too_late) => Err(too_late.into()),
        };
        let Question {
            state,
            rules,
            spendings,
            now,
        } = &**this.question;
        Poll::Ready(state.on_answer(rules, *spendings, *now, answer))
    }
}

impl<F> fmt::Debug for Ask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}
