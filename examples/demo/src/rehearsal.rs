//! A graceful stop to look at: of a second server, so that the first is still there to show it.

use std::{io, net::Ipv4Addr, time::Duration};

use axum::{Router, routing::get};
use futures_util::{Stream, stream};
use portcullis::{
    Health, serve,
    serve::{Shutdown, Stopped},
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::raw;

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// What happens, line by line.
pub(crate) fn lines() -> impl Stream<Item = io::Result<String>> {
    let (say, said) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let log = Log {
            since: Instant::now(),
            say,
        };
        if let Err(problem) = rehearse(&log).await {
            log.line("broken", &problem.to_string());
        }
    });
    stream::unfold(said, async |mut said| {
        said.recv().await.map(|line| (Ok(line), said))
    })
}

async fn rehearse(log: &Log) -> Result<(), Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let shutdown = Shutdown::new();
    let server = tokio::spawn(start(listener, &shutdown)?);
    let ask = async |path: &str| -> Result<(), Problem> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        let answer = raw::ask(address, &request).await?;
        log.line(&format!("GET {path}"), raw::status(&answer));
        Ok(())
    };

    ask("/ready").await?;
    log.line("GET /slow", &format!("sent; it takes {SLOW:?}"));
    let stop = async {
        sleep(SLOW / 4).await;
        shutdown.begin();
        log.line("stop", &format!("asked for; {GRACE:?} of grace"));
        sleep(SLOW / 4).await;
        ask("/ready").await?;
        ask("/new").await
    };
    tokio::try_join!(ask("/slow"), stop)?;
    log.line("end", &server.await??.to_string());
    Ok(())
}

/// A server with nothing but its health.
fn start(
    listener: TcpListener,
    shutdown: &Shutdown,
) -> Result<impl Future<Output = io::Result<Stopped>> + Send + use<>, Problem> {
    let health = Health::new();
    let slow = async || {
        sleep(SLOW).await;
        "slept\n"
    };
    let app = Router::new()
        .route("/slow", get(slow))
        .route("/new", get(async || "served\n"))
        .layer(portcullis_axum::edge().health(&health).build()?);
    let server = serve(listener, app)
        .health(&health)
        .shutdown(shutdown)
        .grace(GRACE)
        .drain(2 * SLOW);
    Ok(server.into_future())
}

/// Lines with the time since the first.
struct Log {
    since: Instant,
    say: mpsc::UnboundedSender<String>,
}

// ===== impl Log =====

impl Log {
    fn line(&self, what: &str, came: &str) {
        let at = self.since.elapsed().as_millis();
        // Who listened may be gone: the server stops all the same.
        let _ = self.say.send(format!("{at:>5} ms  {what:<12}{came}\n"));
    }
}

const SLOW: Duration = Duration::from_millis(1500);
const GRACE: Duration = Duration::from_secs(1);
