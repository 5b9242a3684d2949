//! Where refusals are rendered.

use bytes::Bytes;
use http::{Response, request};
use portcullis_core::{ProblemOrPage, Rejection, RejectionKind, refuse};

use super::{
    caught::{Caught, catch},
    passage::Passage,
    step::Step,
};

impl Passage {
    #[cold]
    pub(super) fn on_panic(&mut self, caught: Caught) -> Response<Bytes> {
        self.note_panic(caught);
        self.refuse(RejectionKind::Panicked.into())
    }

    pub(super) fn answer<F>(&self, kind: RejectionKind) -> Step<F> {
        Step::answer(self.refuse(kind.into()))
    }

    /// Renders a rejection. Where the responder panics, the default one renders it.
    #[cold]
    pub(super) fn refuse(&self, rejection: Rejection) -> Response<Bytes> {
        let rejection = rejection.with_request_id(self.request_id.clone());
        let respond = &*self.watch.stack.respond;
        catch(|| refuse(respond, rejection.clone(), self.format)).unwrap_or_else(|caught| {
            caught.log(self.request_id.as_ref());
            refuse(&ProblemOrPage::new(), rejection, self.format)
        })
    }

    /// Renders a rejection while the head is still there to look at.
    #[cold]
    pub(super) fn refuse_head(
        &mut self,
        rejection: Rejection,
        head: &request::Parts,
    ) -> Response<Bytes> {
        self.format = self.watch.stack.format(head);
        self.watch.on_request(head);
        self.refuse(rejection)
    }
}
