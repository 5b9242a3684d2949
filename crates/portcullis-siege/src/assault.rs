//! A siege in a test.

use std::{convert::Infallible, error::Error, fmt, future::IntoFuture, net::SocketAddr, pin::Pin};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use portcullis::serve;
use tokio::{net::TcpListener, task::JoinSet};
use tower_service::Service;

use crate::{Intensity, Profile, Report, Siege, Target};

/// A siege of a service that a test made. Await it for the [`Report`].
#[must_use = "an assault runs when it is awaited"]
pub struct Assault {
    server: Server,
    profile: Profile,
    intensity: Intensity,
    only: Vec<String>,
    is_ours: bool,
}

type Server = Box<dyn FnOnce(TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Attacks a service in a test: it is served on a loopback port, in the test's own runtime, for as
/// long as the siege takes.
///
/// What the service can't be blamed for, because the harness does the connections, is not tested:
/// what an HTTP/1 parser refuses, slow heads, floods, HTTP/2 frames. [`assault_server`] tests that too.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::Response;
/// use http_body_util::Full;
/// use hyper::body::Bytes;
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = service_fn(|_| async {
///     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
/// });
///
/// portcullis_siege::assault(app).only(["A30", "K02"]).await.assert_held();
/// # }
/// ```
pub fn assault<S, B>(service: S) -> Assault
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let serve = move |listener| -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            let server = serve(listener, service).shutdown_on(std::future::pending());
            drop(server.await);
        })
    };
    Assault {
        is_ours: true,
        ..Assault::new(Box::new(serve))
    }
}

/// Attacks a server in a test: it is given a listener on a loopback port, and dropped at the end.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::Response;
/// # use http_body_util::Full;
/// # use hyper::body::Bytes;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let app = tower::service_fn(|_| async {
/// #     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
/// # });
/// use portcullis::serve;
/// use portcullis_siege::assault_server;
///
/// let server = async move |listener| serve(listener, app).await.map(drop).unwrap();
///
/// assault_server(server).only(["A16", "C01"]).await.assert_held();
/// # }
/// ```
pub fn assault_server<F, U>(server: F) -> Assault
where
    F: FnOnce(TcpListener) -> U + Send + 'static,
    U: Future<Output = ()> + Send + 'static,
{
    Assault::new(Box::new(move |listener| Box::pin(server(listener))))
}

// ===== impl Assault =====

impl Assault {
    fn new(server: Server) -> Self {
        Self {
            server,
            profile: Profile::default(),
            intensity: Intensity::Quick,
            only: Vec::new(),
            is_ours: false,
        }
    }

    /// Sets what is known of the service.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets how hard it is. It is quick by default.
    pub const fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Chooses attacks, by id or by the letter of their group. Without a choice all run.
    pub fn only(mut self, ids: impl IntoIterator<Item: Into<String>>) -> Self {
        self.only = ids.into_iter().map(Into::into).collect();
        self
    }

    #[expect(clippy::panic, reason = "a test that can't run has failed")]
    async fn run(self) -> Report {
        match self.attempt().await {
            Ok(report) => report,
            Err(error) => panic!("the siege can't begin: {error}"),
        }
    }

    async fn attempt(self) -> Result<Report, Box<dyn Error + Send + Sync>> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn((self.server)(listener));
        let siege = Siege::new(Target::local(address), self.profile)
            .intensity(self.intensity)
            .only(self.only);
        let siege = if self.is_ours {
            siege.served_by_us()
        } else {
            siege
        };
        let siege = siege.prepare().await?;
        Ok(siege.run(std::future::pending(), |_| {}).await)
    }
}

impl fmt::Debug for Assault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assault")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for Assault {
    type Output = Report;
    type IntoFuture = Pin<Box<dyn Future<Output = Report> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

// ===== impl Report =====

impl Report {
    /// Panics if anything was breached that a server must hold, with the evidence and the fix; and if nothing
    /// was tested, with what was missing.
    ///
    /// It passes with breaches of what a server should hold and of opinions, with those that the profile
    /// accepts, and with attacks that were not tested beside others that were.
    ///
    /// # Panics
    ///
    /// If anything was breached that a server must hold, or nothing was tested.
    #[track_caller]
    pub fn assert_held(&self) {
        assert!(self.is_tested(), "{}", self.why_untested());
        assert!(self.is_held(), "{}", self.to_breaches(false));
    }

    /// Why each attack was not tested.
    fn why_untested(&self) -> String {
        let each = self.outcomes.iter();
        let each = each.map(|outcome| format!("\n{}: {}", outcome.id, outcome.verdict.text()));
        format!(
            "nothing was tested, so nothing is held{}",
            each.collect::<String>()
        )
    }
}
