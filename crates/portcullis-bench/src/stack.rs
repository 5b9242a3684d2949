//! What a stack is: a name, what it has, and the work of one turn.

use axum::Router;

use crate::{Outcome, ask::Ask, every, keys};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    /// Its name in the table, in goals and on the command line.
    pub(crate) name: &'static str,
    /// What it has, for the reader of the table.
    pub(crate) has: &'static str,
    /// The stack of the peer that this one is compared with:
    /// `Stack { peer: Some("peer: timeout"), ..Stack::route(..) }`.
    pub(crate) peer: Option<&'static str>,
    /// Whether `wire` measures it too.
    pub(crate) on_the_wire: bool,
    /// What one turn does.
    pub(crate) work: Work,
}

/// What one turn of a stack does, and how to make it ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// One request through a router. The constructor runs inside the runtime.
    Route {
        /// Creates the router, and installs what is global.
        build: fn() -> Router,
        /// What it is asked.
        ask: Ask,
    },
    /// One call of a closure, for parts that are no router: a clone, a check.
    Step(fn() -> Step),
}

/// The closure of [`Work::Step`].
pub(crate) type Step = Box<dyn FnMut()>;

impl Stack {
    /// A router, and what it is asked.
    pub(crate) const fn route(
        name: &'static str,
        has: &'static str,
        build: fn() -> Router,
        ask: Ask,
    ) -> Self {
        Self::new(name, has, Work::Route { build, ask })
    }

    /// A layer alone around a router, and the peer that it is compared with.
    pub(crate) const fn layer(
        name: &'static str,
        peer: &'static str,
        has: &'static str,
        build: fn() -> Router,
    ) -> Self {
        Self {
            peer: Some(peer),
            ..Self::route(name, has, build, Ask::PLAIN)
        }
    }

    /// A part that is no router, called as it is.
    pub(crate) const fn step(name: &'static str, has: &'static str, build: fn() -> Step) -> Self {
        Self::new(name, has, Work::Step(build))
    }

    const fn new(name: &'static str, has: &'static str, work: Work) -> Self {
        Self {
            name,
            has,
            peer: None,
            on_the_wire: false,
            work,
        }
    }

    /// Lets `wire` measure it too.
    pub(crate) const fn on_the_wire(mut self) -> Self {
        self.on_the_wire = true;
        self
    }

    /// Whether it holds the route, so that taking away the bare stack says what it adds.
    pub(crate) const fn is_route(&self) -> bool {
        matches!(self.work, Work::Route { .. })
    }

    /// The stack of that name.
    pub(crate) fn find(name: &str) -> Outcome<&'static Self> {
        let mut all = every().chain(&keys::SAME);
        let found = all.find(|stack| stack.name == name);
        found.ok_or_else(|| format!("no stack is called {name:?}; see `list`").into())
    }
}
