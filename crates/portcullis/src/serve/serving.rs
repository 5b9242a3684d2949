//! One connection, while it is open for requests.

use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONNECTION};
use http_body::Body;
use hyper::{
    body::Incoming,
    rt::{Read, Write, bounds::Http2ServerConnExec},
    server::conn::{http1, http2},
    service::{HttpService, Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use portcullis_core::{BoxError, Facts, PeerAddr, PeerCert, Scheme};
use tower_service::Service;

use super::{
    activity::Activity,
    bodies::{Answer, Pieces},
    connection::Opened,
    due::Why,
    limits::{CONNECTION_WINDOW, Limits, MAX_HEAD, PING_INTERVAL, SEND_BUFFER, STREAM_WINDOW},
    refusal::Refusals,
    server::LeavePeer,
    shutdown::Stage,
    streams::Streams,
    version::Version,
    watchdog::Watchdog,
    wire::Wire,
};

/// Serves a connection until it ends, a limit closes it, or the server stops.
pub(super) async fn serve<S, B>(opened: Opened, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let activity = Arc::clone(opened.slot.activity());
    let open = opened.slot.open().clone();
    let why = match opened.version {
        Version::Http1 => serve_http1(opened, service).await,
        Version::Http2 => serve_http2(opened, service).await,
    };
    if let Some(why) = why
        && activity.stage() < Stage::Draining
    {
        open.tally().closed(why);
    }
}

async fn serve_http1<S, B>(opened: Opened, service: S) -> Option<Why>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let requests = Requests::of(&opened);
    let driver = Driver::of(&opened);
    let inner = TowerToHyperService::new(service);
    let service = service_fn(move |req: Request<Incoming>| {
        let activity = Arc::clone(&requests.activity);
        let in_flight = activity.begin(Version::Http1);
        let is_connect = req.method() == Method::CONNECT;
        let response = inner.call(requests.introduce(req));
        async move {
            // Evicted while it was read: as if its client were gone.
            let Some(in_flight) = in_flight else {
                return pending().await;
            };
            let mut response = response.await?;
            let status = response.status();
            let is_tunnel = is_connect && status.is_success();
            if is_tunnel || status == StatusCode::SWITCHING_PROTOCOLS {
                activity.upgrade(response.extensions_mut().remove());
            } else if activity.is_closing() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, S::Error>(response.map(|body| Answer::new(body, in_flight)))
        }
    });
    let refusals = Refusals::new(opened.settings.render.clone(), opened.peer);
    let wire = Wire::new(opened.io, opened.begun, opened.slot).refusals(refusals);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The watchdog has a limit of its own.
        .header_read_timeout(None)
        // 100 fields at most is its default: said here, they would be allocated for each request.
        .max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(wire), service);
    driver.drive(connection.with_upgrades()).await
}

async fn serve_http2<S, B>(opened: Opened, service: S) -> Option<Why>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let requests = Requests::of(&opened);
    let driver = Driver::of(&opened);
    let inner = TowerToHyperService::new(service);
    let service = service_fn(move |req: Request<Incoming>| {
        let activity = Arc::clone(&requests.activity);
        let in_flight = activity.begin(Version::Http2);
        let response = inner.call(requests.introduce(req));
        async move {
            // Evicted while it was read: as if its client were gone.
            let Some(in_flight) = in_flight else {
                return pending().await;
            };
            let response = response.await?;
            let pieces = |body| Pieces::new(Answer::new(body, in_flight), activity);
            Ok::<_, S::Error>(response.map(pieces))
        }
    });
    let wire = Wire::new(opened.io, opened.begun, opened.slot).frames();
    let mut builder = http2::Builder::new(Streams {
        write_timeout: driver.limits.write,
    });
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(driver.limits.streams)
        .max_header_list_size(MAX_HEAD as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL);
    let connection = builder.serve_connection(TokioIo::new(wire), service);
    driver.drive(connection).await
}

/// A connection of hyper's that can be told to end.
trait End: Future {
    fn end(self: Pin<&mut Self>);
}

/// What is known of all requests of a connection.
struct Requests {
    peer: PeerAddr,
    scheme: Option<Scheme>,
    cert: Option<PeerCert>,
    leave_peer: Option<LeavePeer>,
    activity: Arc<Activity>,
}

/// Polls a connection, and closes it.
struct Driver {
    activity: Arc<Activity>,
    limits: Limits,
    version: Version,
}

// ===== impl End =====

impl<I, B, S> End for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body<Error: Into<BoxError>> + 'static,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S> End for http2::Connection<I, S, Streams>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin,
    B: Body<Error: Into<BoxError>> + 'static,
    Streams: Http2ServerConnExec<S::Future, B>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

// ===== impl Requests =====

impl Requests {
    fn of(opened: &Opened) -> Self {
        Self {
            peer: PeerAddr(opened.peer),
            scheme: opened.scheme,
            cert: opened.cert.clone(),
            leave_peer: opened.settings.leave_peer,
            activity: Arc::clone(opened.slot.activity()),
        }
    }

    /// Leaves in a request what the server knows of it.
    fn introduce(&self, mut req: Request<Incoming>) -> Request<Incoming> {
        let facts = Facts::of_mut(req.extensions_mut());
        facts.set(self.peer);
        if let Some(scheme) = self.scheme {
            facts.set(scheme);
        }
        if let Some(cert) = &self.cert {
            facts.set(cert.clone());
        }
        if let Some(leave) = self.leave_peer {
            leave(req.extensions_mut(), self.peer.0);
        }
        req
    }
}

// ===== impl Driver =====

impl Driver {
    fn of(opened: &Opened) -> Self {
        Self {
            activity: Arc::clone(opened.slot.activity()),
            limits: opened.settings.limits,
            version: opened.version,
        }
    }

    /// Drives a connection to its end. Returns the limit that closed it, if one did.
    async fn drive<C: End>(self, connection: C) -> Option<Why> {
        let mut connection = pin!(connection);
        let mut watchdog = Watchdog::new();
        let mut is_told = false;
        poll_fn(|cx| {
            loop {
                if self.is_to_end(cx) && !is_told {
                    is_told = true;
                    connection.as_mut().end();
                }
                // Before it is polled: what comes now is not served.
                if self.activity.is_evicted() {
                    return Poll::Ready(Some(Why::Evicted));
                }
                // Whether it ended well is of no interest: the client is gone.
                if connection.as_mut().poll(cx).is_ready() || self.activity.is_cut_now() {
                    return Poll::Ready(None);
                }
                let why = std::task::ready!(watchdog.poll(&self.activity, &self.limits, cx));
                if !self.ends_slowly(why) {
                    if why == Why::Write {
                        self.activity.discard();
                    }
                    return Poll::Ready(Some(why));
                }
            }
        })
        .await
    }

    /// Whether hyper is to end the connection when it can. An idle one of HTTP/1 isn't told, as it
    /// would be closed under a request that is on its way.
    fn is_to_end(&self, cx: &Context<'_>) -> bool {
        let is_ending = self.activity.poll_stage(Stage::Draining, cx).is_ready()
            || self.activity.is_marked_closing();
        is_ending && (self.version == Version::Http2 || !self.activity.is_idle())
    }

    /// Begins to close what may be told before.
    fn ends_slowly(&self, why: Why) -> bool {
        let is_told_first = match why {
            Why::Age => true,
            Why::Idle => self.version == Version::Http2,
            _ => false,
        };
        is_told_first && self.activity.close()
    }
}
