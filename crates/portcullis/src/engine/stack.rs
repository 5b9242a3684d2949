use std::{fmt, sync::Arc};

use http::{
    Extensions,
    header::{RETRY_AFTER, VARY, WWW_AUTHENTICATE},
    request,
};
use portcullis_core::{Format, Guard, Observer, ProblemOrPage, Respond, facts::OriginalUri};

use super::{TimeLimit, headers::Template};

/// What an engine runs.
#[derive(Clone)]
pub struct Stack {
    /// Outermost first.
    pub(crate) guards: Vec<Arc<dyn Guard>>,
    /// How many of the guards, from the first on, are asked about every request, whatever one of
    /// them says.
    pub(crate) always_asked: usize,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) route_from: Option<RouteFrom>,
    pub(crate) uri_from: Option<OriginalUri>,
    pub(crate) time_limit: Option<TimeLimit>,
    pub(crate) catches_panics: bool,
    pub(crate) respond: Arc<dyn Respond>,
    template: Template,
    /// The same for what is refused.
    refused: Template,
    /// Whether the format of a refusal must be known before the application runs.
    negotiates_early: bool,
}

/// Finds the template of the route that will serve a request.
pub(crate) type RouteFrom = fn(&Extensions) -> Option<&str>;

/// Something that an engine can run alone: a guard, a deadline, panic recovery, observers.
pub trait Part: Send + Sync + 'static {
    /// Adds the part to what an engine runs.
    fn install(self, stack: &mut Stack);
}

// ===== impl Stack =====

impl Stack {
    pub(crate) fn new() -> Self {
        Self {
            guards: Vec::new(),
            always_asked: 0,
            observers: Vec::new(),
            route_from: None,
            uri_from: None,
            time_limit: None,
            catches_panics: false,
            respond: Arc::new(ProblemOrPage::new()),
            template: Template::default(),
            refused: Template::default(),
            negotiates_early: false,
        }
    }

    /// Prepares what does not change any more.
    pub(crate) fn sealed(mut self) -> Arc<Self> {
        self.template = Template::new(&self.guards, &[]);
        self.refused = Template::of_answers(&self.guards, &[RETRY_AFTER, WWW_AUTHENTICATE, VARY]);
        let refuses_late = self.time_limit.is_some() || self.catches_panics;
        self.negotiates_early = refuses_late && self.respond.negotiates();
        Arc::new(self)
    }

    /// Returns what a response begins with.
    pub(super) const fn template(&self, is_refused: bool) -> &Template {
        if is_refused {
            &self.refused
        } else {
            &self.template
        }
    }

    /// Returns `true` if something below wants to know what the engine itself knows of a request.
    #[inline]
    pub(super) fn leaves_facts(&self) -> bool {
        self.time_limit.is_some() || !self.observers.is_empty() || self.uri_from.is_some()
    }

    /// Returns what a request that is refused when its head is gone reads.
    #[inline]
    pub(super) fn format_early(&self, head: &request::Parts) -> Format {
        if self.negotiates_early {
            Format::accepted(head)
        } else {
            Format::Problem
        }
    }

    /// Returns what a request that is refused now reads.
    pub(super) fn format(&self, head: &request::Parts) -> Format {
        if self.respond.negotiates() {
            Format::preferred(head)
        } else {
            Format::Problem
        }
    }

    /// Returns `true` if something looks at the response's body.
    pub(super) fn watches_bodies(&self) -> bool {
        let is_timed = self
            .time_limit
            .is_some_and(|limit| limit.stream_idle.is_some());
        self.catches_panics || is_timed || !self.observers.is_empty()
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("guards", &self.guards.len())
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}

// ===== impl Part =====

impl<G: Guard> Part for G {
    fn install(self, stack: &mut Stack) {
        if self.is_on() {
            stack.guards.push(Arc::new(self));
        }
    }
}
