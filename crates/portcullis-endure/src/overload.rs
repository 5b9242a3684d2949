//! Ten times what a service can do, from clients that do not wait for each other.
//!
//! In process, without sockets: what is measured is the shedding. The service has workers that sleep.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis::{Edge, Health, load_shed::LoadShed};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService,
};

use crate::{Outcome, Row, print};

/// Answers with a status.
type Stack = BoxCloneSyncService<Request<Full<Bytes>>, u16, BoxError>;

/// What a worker answers.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

/// What clients saw.
#[derive(Default)]
struct Seen {
    served: Times,
    shed: Times,
    control: Times,
    control_shed: AtomicU64,
    /// When the last was shed.
    last_shed: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Times(Mutex<Vec<Duration>>);

pub(crate) async fn run(seconds: usize) -> Outcome<bool> {
    let time = Duration::from_secs(seconds as u64);
    let peak = peak().await;
    let stacks = [
        ("portcullis, adaptive", true, ours(LoadShed::adaptive())?),
        (
            "portcullis, fixed at twice the workers",
            true,
            ours(LoadShed::fixed(LIMIT))?,
        ),
        (
            "tower `LoadShed` over `ConcurrencyLimit`, the same",
            false,
            theirs(),
        ),
        (
            "nothing",
            false,
            BoxCloneSyncService::new(status(service_fn(worker()))),
        ),
    ];
    let mut rows = Vec::new();
    let mut all_hold = true;
    for (name, is_ours, stack) in stacks {
        let row = measure(name, stack, time, peak).await;
        all_hold &= row.holds || !is_ours;
        rows.push(row);
    }
    let title = format!("Overload: ten times {peak:.0} requests a second, {seconds} s");
    let columns = [
        "stack",
        "goodput of peak",
        "served p99 ms",
        "shed",
        "shed p99 ms",
        "control p99 ms",
        "control shed",
        "recovery s",
    ];
    print(&title, &columns, &rows);
    Ok(all_hold)
}

async fn measure(name: &str, stack: Stack, time: Duration, peak: f64) -> Row {
    let seen = Arc::new(Seen::default());
    flood(&stack, time, 10 * (peak / 1000.0).round() as u64, &seen).await;
    let (served, goodput) = (
        seen.served.p99(),
        seen.served.len() as f64 / time.as_secs_f64() / peak,
    );
    let (shed, count) = (seen.shed.p99(), seen.shed.len());
    let (control, control_shed) = (seen.control.p99(), seen.control_shed.load(Relaxed));
    let end = Instant::now();
    *lock(&seen.last_shed) = None;
    half(&stack, &seen).await;
    let last = *lock(&seen.last_shed);
    let recovery = last.map_or(0.0, |last| {
        last.saturating_duration_since(end).as_secs_f64()
    });
    let millis = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
    Row {
        holds: goodput >= 0.9
            && shed <= Duration::from_millis(5)
            && control_shed == 0
            && served <= SLOWEST
            && recovery <= 2.0,
        cells: vec![
            name.to_owned(),
            format!("{goodput:.2}"),
            millis(served),
            count.to_string(),
            millis(shed),
            millis(control),
            control_shed.to_string(),
            format!("{recovery:.2}"),
        ],
    }
}

/// Sends so many requests each millisecond, and one to the probe each ten.
async fn flood(stack: &Stack, time: Duration, each: u64, seen: &Arc<Seen>) {
    let begin = Instant::now();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut turn = 0_u64;
    while begin.elapsed() < time {
        ticks.tick().await;
        turn += 1;
        if turn.is_multiple_of(10) {
            tokio::spawn(ask_control(stack.clone(), Arc::clone(seen)));
        }
        for _ in 0..each {
            tokio::spawn(ask(stack.clone(), Arc::clone(seen)));
        }
    }
}

/// Half of what the service can do, for three seconds.
async fn half(stack: &Stack, seen: &Arc<Seen>) {
    let begin = Instant::now();
    let mut ticks = interval(Duration::from_millis(2));
    while begin.elapsed() < Duration::from_secs(3) {
        ticks.tick().await;
        tokio::spawn(ask(stack.clone(), Arc::clone(seen)));
    }
    sleep(Duration::from_millis(100)).await;
}

async fn ask(stack: Stack, seen: Arc<Seen>) {
    let begin = Instant::now();
    match stack.oneshot(request("/")).await {
        Ok(200) => seen.served.add(begin.elapsed()),
        _ => {
            seen.shed.add(begin.elapsed());
            *lock(&seen.last_shed) = Some(Instant::now());
        }
    }
}

async fn ask_control(stack: Stack, seen: Arc<Seen>) {
    let begin = Instant::now();
    match stack.oneshot(request("/health")).await {
        Ok(200) => seen.control.add(begin.elapsed()),
        _ => drop(seen.control_shed.fetch_add(1, Relaxed)),
    }
}

fn request(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    let localhost = http::HeaderValue::from_static("localhost");
    request.headers_mut().insert(http::header::HOST, localhost);
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// Returns how many requests a second as many clients as there are workers get through.
async fn peak() -> f64 {
    let service = service_fn(worker());
    let mut clients = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..WORKERS {
        let service = service.clone();
        clients.spawn(async move {
            let mut served = 0_u32;
            while begin.elapsed() < Duration::from_secs(2) {
                let _ = service.clone().oneshot(request("/")).await;
                served += 1;
            }
            served
        });
    }
    let served: u32 = clients.join_all().await.iter().sum();
    f64::from(served) / begin.elapsed().as_secs_f64()
}

fn ours(guard: LoadShed) -> Outcome<Stack> {
    let edge = Edge::new()
        .health(&Health::new())
        .load_shed(guard)
        .build()?;
    Ok(BoxCloneSyncService::new(status(
        edge.layer(service_fn(worker())),
    )))
}

fn theirs() -> Stack {
    let stack = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(LIMIT as usize)
        .service(service_fn(worker()));
    BoxCloneSyncService::new(status(stack))
}

/// Answers with the status alone. The body is dropped.
fn status<S, B>(
    service: S,
) -> impl Service<Request<Full<Bytes>>, Response = u16, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Future: Send> + Clone + Send + Sync,
    S::Error: Into<BoxError>,
{
    service
        .map_response(|response: Response<B>| response.status().as_u16())
        .map_err(Into::into)
}

/// A service with workers, each of which takes some time.
fn worker<B: Send + 'static>() -> impl Fn(Request<B>) -> Answer + Clone {
    let workers = Arc::new(Semaphore::new(WORKERS));
    move |_| {
        let workers = Arc::clone(&workers);
        Box::pin(async move {
            let _worker = workers.acquire().await;
            sleep(TIME).await;
            Ok(Response::new(Full::from("done")))
        })
    }
}

// ===== impl Times =====

impl Times {
    fn add(&self, time: Duration) {
        lock(&self.0).push(time);
    }

    fn len(&self) -> usize {
        lock(&self.0).len()
    }

    fn p99(&self) -> Duration {
        let mut times = lock(&self.0);
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        times.get(last * 99 / 100).copied().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const WORKERS: usize = 21;
const LIMIT: u32 = 42;
const TIME: Duration = Duration::from_millis(20);

/// What is admitted is served within twice an objective of five times the worker's own time.
const SLOWEST: Duration = Duration::from_millis(200);
