//! The inner command: sends requests to one stack in this process and says what they took.

use std::{fmt, str::FromStr, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use tokio::{
    runtime::{self, Runtime},
    time::Instant,
};
use tower::ServiceExt;

use crate::{
    Outcome,
    allocator::Asked,
    ask::{Ask, Blueprint},
    stack::{Stack, Step, Work},
};

/// Turns before anything is counted, so that caches are warm and quotas are spent.
const WARM_UP: u64 = 1_000;

/// The function that callgrind counts in. What runs before it is no less than it, and not always
/// the same: a clock is calibrated, key tables are filled.
pub(crate) const COUNTED: &str = "*::counted_turns";

/// What some turns took together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) asked: Asked,
    pub(crate) time: Duration,
}

/// Runs a stack for so many turns.
pub(crate) fn run(stack: &Stack, turns: u64) -> Outcome<Cost> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut subject = runtime.block_on(async { Subject::new(stack) });
    runtime.block_on(subject.go(WARM_UP))?;
    let asked = Asked::so_far();
    let start = Instant::now();
    counted_turns(&runtime, &mut subject, turns)?;
    Ok(Cost {
        time: start.elapsed(),
        asked: Asked::so_far().since(asked),
    })
}

/// The turns themselves, in a function of their own for [`COUNTED`] to name.
#[inline(never)]
fn counted_turns(runtime: &Runtime, subject: &mut Subject, turns: u64) -> Outcome<()> {
    runtime.block_on(subject.go(turns))
}

/// A stack that is ready to run.
enum Subject {
    Route(Box<Route>),
    Step(Step),
}

impl Subject {
    fn new(stack: &Stack) -> Self {
        match stack.work {
            Work::Route { build, ask } => Self::Route(Box::new(Route::new(build(), ask))),
            Work::Step(build) => Self::Step(build()),
        }
    }

    async fn go(&mut self, turns: u64) -> Outcome<()> {
        match self {
            Self::Route(route) => route.go(turns).await,
            Self::Step(step) => {
                (0..turns).for_each(|_| step());
                Ok(())
            }
        }
    }
}

/// A router as `axum::serve` holds it for one connection, and the request for it.
struct Route {
    service: Router,
    blueprint: Blueprint,
    status: StatusCode,
}

impl Route {
    fn new(router: Router, ask: Ask) -> Self {
        Self {
            service: router.with_state(()),
            blueprint: Blueprint::new(ask),
            status: ask.status,
        }
    }

    /// Sends requests; the last answer must have the status that the stack promises.
    async fn go(&self, turns: u64) -> Outcome<()> {
        let mut status = self.status;
        for _ in 0..turns {
            status = answer(self.service.clone(), self.blueprint.request()).await?;
        }
        if status == self.status {
            return Ok(());
        }
        Err(format!("the answer is {status}, not {}", self.status).into())
    }
}

/// One request as hyper-util makes it: on a clone of the service, body read to its end.
async fn answer(service: Router, request: Request<Body>) -> Outcome<StatusCode> {
    let Ok(mut response) = service.oneshot(request).await;
    while let Some(frame) = response.body_mut().frame().await {
        frame?;
    }
    Ok(response.status())
}

// ===== the line between the outer and the inner command =====

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { allocations, bytes } = self.asked;
        write!(f, "{allocations} {bytes} {}", self.time.as_nanos())
    }
}

impl FromStr for Cost {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        let [allocations, bytes, nanoseconds] = numbers?[..] else {
            return Err(format!("not three numbers: {line:?}").into());
        };
        Ok(Self {
            asked: Asked {
                allocations: usize::try_from(allocations)?,
                bytes: usize::try_from(bytes)?,
            },
            time: Duration::from_nanos(nanoseconds),
        })
    }
}
