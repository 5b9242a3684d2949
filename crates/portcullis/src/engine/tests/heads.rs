use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Response, request, response};
use portcullis_core::{
    Guard, RejectionKind, Reply, Verdict,
    guard::{Note, Permit, Permits},
};
use portcullis_test::{Chunks, request, send};
use tower::{Layer, service_fn};

use crate::{Edge, Slot};

/// What is held notes the statuses that it is told, and when it is given back.
#[derive(Clone, Default)]
struct Watching(Arc<Mutex<Vec<u16>>>);

impl Guard for Watching {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.hold_permit(Permit::new(Arc::new(self.clone()), NOTE));
        Verdict::Admit
    }
}

impl Permits for Watching {
    fn on_head(&self, note: Note, head: &response::Parts) {
        assert_eq!(note, NOTE);
        self.note(head.status.as_u16());
    }

    fn take_back(&self, note: Note) {
        assert_eq!(note, NOTE);
        self.note(DROPPED);
    }
}

impl Watching {
    fn note(&self, what: u16) {
        self.0.lock().unwrap().push(what);
    }

    fn noted(&self) -> Vec<u16> {
        self.0.lock().unwrap().clone()
    }
}

struct Closed;

impl Guard for Closed {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        RejectionKind::Forbidden.into()
    }
}

#[tokio::test]
async fn what_is_held_is_told_of_the_head_before_the_body_ends() {
    let watching = Watching::default();
    let edge = Edge::new().guard(Slot::LoadShed, watching.clone());
    let streams = service_fn(|_| async {
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a"), Ok("b")])))
    });

    let response = send(edge.build().unwrap().layer(streams), request("/")).await;

    assert_eq!(watching.noted(), [200]);
    drop(response);
    assert_eq!(watching.noted(), [200, DROPPED]);
}

#[tokio::test]
async fn what_is_held_is_told_of_a_refusal_from_below() {
    let watching = Watching::default();
    let edge = Edge::new()
        .guard(Slot::LoadShed, watching.clone())
        .guard(Slot::RateLimit, Closed);
    let never = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Chunks::new([]))) });

    drop(send(edge.build().unwrap().layer(never), request("/")).await);

    assert_eq!(watching.noted(), [403, DROPPED]);
}

#[tokio::test]
async fn a_panic_of_what_is_told_leaves_the_response_as_it_is() {
    struct Panics;
    impl Guard for Panics {
        fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
            reply.hold_permit(Permit::new(Arc::new(Self), NOTE));
            Verdict::Admit
        }
    }
    impl Permits for Panics {
        fn on_head(&self, _: Note, _: &response::Parts) {
            panic!("told");
        }

        fn take_back(&self, _: Note) {}
    }
    let edge = Edge::new().guard(Slot::LoadShed, Panics).build().unwrap();
    let fine = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a")]))) });

    assert_eq!(send(edge.layer(fine), request("/")).await.status(), 200);
}

const DROPPED: u16 = 0;
const NOTE: Note = [4, 2];
