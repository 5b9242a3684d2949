use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request};
use pin_project_lite::pin_project;
use portcullis_core::{Deferred, Rejection, RejectionKind, Reply, Verdict};

use super::{BodyCount, passage::Passage, scopes::in_scopes};

pin_project! {
    /// How far a request has come.
    #[project = StepProj]
    pub(super) enum Step<F> {
        /// The application runs.
        Run { #[pin] future: F },
        /// The request is answered.
        Answer { response: Option<Response<Bytes>> },
        /// A guard must wait.
        Wait { waiting: Option<Box<Waiting<F>>> },
    }
}

/// What waits for a deferred verdict. Boxed: a future must be small where nothing is deferred.
pub(super) struct Waiting<F> {
    pub(super) deferred: Deferred,
    pub(super) head: request::Parts,
    pub(super) go_on: GoOn<F>,
}

type GoOn<F> = Box<dyn FnOnce(&mut Passage, Verdict, request::Parts) -> Step<F> + Send>;

/// A service that is ready, and the body that it will get.
pub(super) trait Run: Send + 'static {
    type Future;

    /// Whether bodies are checked.
    const CHECKS: bool;

    fn run(self, head: request::Parts, count: Option<Arc<BodyCount>>) -> Self::Future;

    /// Reads the body that nobody else will.
    fn drain(self, head: &request::Parts, reply: &mut Reply);
}

// ===== impl Step =====

impl<F> Step<F> {
    /// Goes on with a verdict.
    #[inline]
    pub(super) fn new<R: Run<Future = F>>(
        run: R,
        passage: &mut Passage,
        verdict: Verdict,
        mut head: request::Parts,
    ) -> Self {
        if !verdict.is_admit() {
            return Self::not_admitted(run, passage, verdict, head);
        }
        if !R::CHECKS && passage.reply.checks_body() {
            return Self::refuse(run, passage, RejectionKind::Misconfigured.into(), &head);
        }
        match passage.enter(&mut head) {
            // Most often: a hundred instructions less.
            Ok(count) if !passage.reply.has_scopes() => Self::Run {
                future: run.run(head, count),
            },
            Ok(count) => {
                let mut entered = passage.reply.take_scopes();
                let future = in_scopes(&mut entered, || run.run(head, count));
                passage.reply.put_scopes(entered);
                Self::Run { future }
            }
            Err(rejection) => Self::refuse(run, passage, rejection, &head),
        }
    }

    #[cold]
    fn not_admitted<R: Run<Future = F>>(
        run: R,
        passage: &mut Passage,
        verdict: Verdict,
        head: request::Parts,
    ) -> Self {
        match verdict {
            Verdict::Admit => Self::new(run, passage, verdict, head),
            Verdict::Reject(rejection) => Self::refuse(run, passage, rejection, &head),
            Verdict::Answer(response) => {
                if passage.reply.reads_body() {
                    run.drain(&head, &mut passage.reply);
                }
                Self::answer(*response)
            }
            Verdict::Defer(deferred) => Self::Wait {
                waiting: Some(Box::new(Waiting {
                    deferred,
                    head,
                    go_on: Box::new(move |passage, verdict, head| {
                        Self::new(run, passage, verdict, head)
                    }),
                })),
            },
        }
    }

    pub(super) const fn answer(response: Response<Bytes>) -> Self {
        Self::Answer {
            response: Some(response),
        }
    }

    /// A request that is answered already.
    pub(super) const fn answered() -> Self {
        Self::Answer { response: None }
    }

    #[cold]
    fn refuse<R: Run<Future = F>>(
        run: R,
        passage: &mut Passage,
        rejection: Rejection,
        head: &request::Parts,
    ) -> Self {
        run.drain(head, &mut passage.reply);
        Self::answer(passage.refuse_head(rejection, head))
    }
}
