//! Catching a panic, with the place it came from.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

use portcullis_core::RequestId;

/// What is known of a panic that was caught.
#[derive(Debug, Default)]
pub(super) struct Caught {
    location: String,
    message: String,
}

/// The response body panicked while it was streamed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyPanicked;

thread_local! {
    /// How many `catch` calls are on this thread's stack.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Notes where caught panics come from. Does so once, whoever calls.
pub(crate) fn install_hook() {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| match DEPTH.get() {
            0 => previous(info),
            _ => LAST.set(Some(Caught::new(info))),
        }));
    });
}

/// Runs code that may panic. Inlined: what it runs, and what comes of it, is large.
#[inline]
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Caught> {
    DEPTH.set(DEPTH.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|_payload| LAST.take().unwrap_or_default())
}

// ===== impl Caught =====

impl Caught {
    fn new(info: &PanicHookInfo<'_>) -> Self {
        let text = text_of(info.payload());
        Self {
            location: info.location().map(ToString::to_string).unwrap_or_default(),
            message: text.chars().take(LONGEST_MESSAGE).collect(),
        }
    }

    pub(super) fn log(&self, request_id: Option<&RequestId>) {
        let Self { location, message } = self;
        let request_id = request_id.map(tracing::field::display);
        tracing::error!(target: "portcullis", request_id, location, panic = ?message, "caught a panic");
    }
}

// ===== impl BodyPanicked =====

impl fmt::Display for BodyPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response body panicked")
    }
}

impl std::error::Error for BodyPanicked {}

/// What `panic!` was given, if it was text.
fn text_of(payload: &(dyn Any + Send)) -> &str {
    let formatted = payload.downcast_ref().map(String::as_str);
    let literal = || payload.downcast_ref().copied();
    formatted.or_else(literal).unwrap_or("not a text")
}

const LONGEST_MESSAGE: usize = 256;
