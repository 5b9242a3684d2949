//! What a line of an access log costs, ours and of tracing-subscriber's layer of JSON, with the same
//! fields.

use std::{
    hint::black_box,
    io::{self, Write},
    net::SocketAddr,
};

use axum::http::{Request, Response, request};
use portcullis::{
    ClientIp, Exchange, Facts, Observer, Outcome, PeerAddr, Principal, RequestId, Route, Scope,
    access_log::AccessLog, observe::TraceContext,
};
use tokio::time::Instant;

use crate::stack::{Stack, Step};

/// The same fields through tracing-subscriber.
pub(crate) const PEER_LINE: &str = "peer: access line";

/// Ours, straight to a writer.
pub(crate) const LINE: &str = "access line";

/// The rows.
pub(crate) const COSTS: [Stack; 3] = [
    Stack::step(
        PEER_LINE,
        "one event with the 22 fields of the line below through tracing-subscriber 0.3's JSON layer, to a writer that takes all",
        peer_line,
    ),
    Stack {
        peer: Some(PEER_LINE),
        ..Stack::step(
            LINE,
            "`AccessLog`: begin and end of one exchange, its head kept, to a writer that takes all",
            line,
        )
    },
    Stack {
        peer: Some(PEER_LINE),
        ..Stack::step(
            "access line through tracing",
            "`AccessLog::to_tracing` into the same layer",
            traced_line,
        )
    },
];

/// A writer that takes all.
#[derive(Clone, Copy, Debug)]
struct Takes;

impl Write for Takes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
fn line() -> Step {
    // The writer has a thread of its own, which is not what is counted here.
    let log = AccessLog::to_writer(Takes).build().expect("it is right");
    step(log)
}

#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
fn traced_line() -> Step {
    install();
    step(AccessLog::to_tracing().build().expect("it is right"))
}

#[expect(clippy::expect_used, reason = "a stack has a process of its own")]
fn install() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(|| Takes)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other is installed");
}

fn head() -> request::Parts {
    let request = Request::get("/users/42?page=2&sort=-created_at")
        .header("host", "api.example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36")
        .header("referer", "https://www.example.com/users");
    let (mut head, ()) = request.body(()).unwrap_or_default().into_parts();
    let peer = SocketAddr::from(([203, 0, 113, 9], 47_110));
    let facts = Facts::of_mut(&mut head.extensions);
    facts.set(PeerAddr(peer));
    facts.set(ClientIp(peer.ip()));
    facts.set(RequestId::from_bytes([7; 16]));
    head
}

/// An exchange with all that an access line has, from its head to its end.
fn exchange(
    head: &request::Parts,
    answer: &axum::http::response::Parts,
    alice: &Principal,
    log: &impl Observer,
) -> Exchange {
    let mut exchange = Exchange::new(head, Instant::now());
    exchange.set_route(Some(Route::new("/users/{id}")));
    exchange.set_trace(TraceContext {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        span_id: 0x00f0_67aa_0ba9_02b7,
        parent_id: None,
        flags: 0,
        state: None,
        link: None,
    });
    log.begin(&mut exchange, head);
    exchange.set_principal(Some(alice.clone()));
    exchange.on_head(answer);
    exchange.on_bytes(1234);
    exchange.on_end(Outcome::Complete);
    exchange
}

fn step(log: AccessLog) -> Step {
    let (head, alice) = (head(), Principal::new("alice").with_key("4fzq0m8c1x7d"));
    let (answer, ()) = Response::new(()).into_parts();
    Box::new(move || {
        let exchange = exchange(&head, &answer, &alice, &log);
        log.end(&exchange);
    })
}

/// An observer that logs with `tracing`'s macros, as one writes it by hand.
struct ByHand;

impl Observer for ByHand {
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        exchange.keep_head(head);
        None
    }

    fn end(&self, exchange: &Exchange) {
        let trace = exchange.trace();
        let principal = exchange.principal();
        tracing::info!(
            request_id = exchange.request_id().map(tracing::field::display),
            trace_id =
                trace.map(|trace| tracing::field::display(format!("{:032x}", trace.trace_id))),
            span_id = trace.map(|trace| tracing::field::display(format!("{:016x}", trace.span_id))),
            client.address = exchange.client().map(tracing::field::display),
            network.peer.address = exchange
                .peer()
                .map(|peer| tracing::field::display(peer.ip())),
            network.peer.port = exchange.peer().map(|peer| peer.port()),
            http.request.method = exchange.method().as_str(),
            http.route = exchange.route().map(Route::as_str),
            url.path = exchange.path(),
            url.query = exchange.query(),
            url.scheme = exchange.scheme().as_str(),
            server.address = exchange.host(),
            network.protocol.version = "1.1",
            user_agent.original = exchange.user_agent(),
            http.request.header.referer = exchange.referrer(),
            http.request.body.size = exchange.request_bytes(),
            http.response.status_code = exchange.status().map(|status| status.as_u16()),
            http.response.body.size = exchange.response_bytes(),
            time_to_head_ms = exchange.time_to_head().map(|time| time.as_secs_f64() * 1e3),
            duration_ms = exchange.duration().as_secs_f64() * 1e3,
            outcome = exchange.outcome().as_str(),
            user.id = principal.map(Principal::id),
            auth.key_id = principal.and_then(Principal::key_id),
        );
    }
}

fn peer_line() -> Step {
    install();
    let (head, alice) = (head(), Principal::new("alice").with_key("4fzq0m8c1x7d"));
    let (answer, ()) = Response::new(()).into_parts();
    Box::new(move || {
        let exchange = exchange(&head, &answer, &alice, &ByHand);
        ByHand.end(&exchange);
    })
}
