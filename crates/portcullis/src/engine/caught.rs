//! Catching a panic, with the place it came from.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    fmt, mem,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

use portcullis_core::{
    RequestId,
    observe::{Escaped, Panic},
};

/// What is known of a panic that was caught.
#[derive(Debug)]
pub(super) struct Caught {
    /// Unless the hook has not heard of it.
    location: Option<String>,
    message: String,
    backtrace: Option<Backtrace>,
}

/// The response body panicked while it was streamed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyPanicked;

/// What a thread knows of the `catch` calls on its stack.
#[derive(Clone, Copy)]
struct Depth {
    calls: usize,
    /// Whether there is something in `HEARD`.
    has_heard: bool,
}

thread_local! {
    static DEPTH: Cell<Depth> = const { Cell::new(Depth { calls: 0, has_heard: false }) };
    /// The panics below the innermost `catch` call, of which the last may reach it.
    static HEARD: RefCell<Vec<Caught>> = const { RefCell::new(Vec::new()) };
}

static HOOK: Once = Once::new();

/// Notes where caught panics come from. Does so once, whoever calls.
pub(crate) fn install_hook() {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| match DEPTH.get() {
            Depth { calls: 0, .. } => previous(info),
            depth => {
                hear(depth, info);
                // Where the log doesn't take it, somebody must tell.
                if !tracing::event_enabled!(target: "portcullis", tracing::Level::ERROR) {
                    previous(info);
                }
            }
        }));
    });
}

/// Runs code that may panic.
#[inline]
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Caught> {
    let above = DEPTH.get();
    DEPTH.set(Depth {
        calls: above.calls + 1,
        has_heard: false,
    });
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let below = DEPTH.replace(above);
    match result {
        Ok(output) => {
            if below.has_heard {
                heard().iter().for_each(Caught::log_handled);
            }
            Ok(output)
        }
        Err(payload) => Err(identified(payload)),
    }
}

#[cold]
fn hear(depth: Depth, info: &PanicHookInfo<'_>) {
    DEPTH.set(Depth {
        has_heard: true,
        ..depth
    });
    HEARD.with(|heard| {
        if let Ok(mut heard) = heard.try_borrow_mut() {
            // The last may be the one that nobody below catches.
            heard.truncate(MOST_HEARD - 1);
            heard.push(Caught::new(info));
        }
    });
}

#[cold]
fn heard() -> Vec<Caught> {
    HEARD.take()
}

/// Finds the place that a panic came from. Those that the code below caught itself are logged.
#[cold]
fn identified(payload: Box<dyn Any + Send>) -> Caught {
    let message = cut(text_of(&*payload));
    let mut heard = heard();
    // One that was resumed was heard of long ago, or never.
    let place = heard.iter().rposition(|other| other.message == message);
    let caught = place.map(|at| heard.remove(at));
    heard.iter().for_each(Caught::log_handled);
    // A payload may panic when it is dropped, and so may what it panics with.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    dropped.unwrap_or_else(mem::forget);
    caught.unwrap_or(Caught {
        location: None,
        message,
        backtrace: None,
    })
}

// ===== impl Caught =====

impl Caught {
    fn new(info: &PanicHookInfo<'_>) -> Self {
        Self {
            location: info.location().map(ToString::to_string),
            message: cut(text_of(info.payload())),
            // Nothing, unless the environment asks for it.
            backtrace: Some(Backtrace::capture()),
        }
    }

    pub(super) fn log(&self, request_id: Option<&RequestId>) {
        let Self {
            location, message, ..
        } = self;
        let request_id = request_id.map(tracing::field::display);
        let panic = Escaped::new(message);
        tracing::error!(target: "portcullis", request_id, location, ?panic, "caught a panic");
    }

    /// Returns what observers hear of it.
    pub(super) fn into_panic(self) -> Panic {
        Panic::new(&self.message, self.location.as_deref(), self.backtrace)
    }

    /// Logs a panic that somebody else caught, whom nobody would hear otherwise.
    fn log_handled(&self) {
        let Self {
            location, message, ..
        } = self;
        let panic = Escaped::new(message);
        tracing::warn!(target: "portcullis", location, ?panic, "the application caught a panic");
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

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_MESSAGE).collect()
}

/// Of panics that an application catches itself, below one call.
const MOST_HEARD: usize = 8;
const LONGEST_MESSAGE: usize = 256;
