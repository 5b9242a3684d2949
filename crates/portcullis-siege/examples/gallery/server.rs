//! The listener, its bounds, and the stop.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    Settings,
    app::{App, lock},
    faults::Fault,
    http1::Http1,
    http2::Http2,
};

/// How many connections each address has.
type Peers = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place, until it is dropped.
#[derive(Debug)]
struct Place(Peers, IpAddr);

/// Serves until SIGTERM.
pub(crate) async fn run(settings: Settings) -> io::Result<()> {
    let app = App::new(&settings)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Small, so that a reader that stalls is noticed early. Accepted sockets inherit it.
    let is_tiny = app.has(Fault::ReadRenews);
    socket.set_send_buffer_size(if is_tiny { 4 << 10 } else { 64 << 10 })?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], settings.port)))?;
    let listener = socket.listen(4096)?;
    println!("listening on http://{}", listener.local_addr()?);
    app.watch();

    let (stop, stopping) = watch::channel(false);
    let (peers, mut connections) = (Peers::default(), JoinSet::new());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((io, peer)) => {
                    if let Some(place) = place(&app, &peers, peer.ip()) {
                        connections.spawn(connection(Arc::clone(&app), io, place, stopping.clone()));
                    }
                }
                Err(_) if app.has(Fault::AcceptSpins) => {}
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = terminate.recv() => break,
        }
    }
    if app.has(Fault::DrainsReady) {
        let on = go_on(&app, &listener, &peers, &stopping);
        let _ = timeout(Duration::from_secs(2), on).await;
        return Ok(());
    }
    drop(listener);
    if app.has(Fault::StopDrops) {
        return Ok(());
    }
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(Duration::from_secs(2), all).await;
    if app.has(Fault::StopWaits) {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Accepts connections as if there had been no stop.
async fn go_on(
    app: &Arc<App>,
    listener: &TcpListener,
    peers: &Peers,
    stopping: &watch::Receiver<bool>,
) {
    while let Ok((io, peer)) = listener.accept().await {
        if let Some(place) = place(app, peers, peer.ip()) {
            tokio::spawn(connection(Arc::clone(app), io, place, stopping.clone()));
        }
    }
}

/// A place for one connection more, if there is one.
fn place(app: &App, peers: &Peers, peer: IpAddr) -> Option<Place> {
    let mut counts = lock(peers);
    let all: usize = counts.values().sum();
    let own = counts.entry(peer).or_default();
    let is_full = all >= 600 && !app.has(Fault::ConnectionsUnbounded)
        || *own >= 64 && !app.has(Fault::ClientConnections);
    if is_full {
        return None;
    }
    *own += 1;
    Some(Place(Arc::clone(peers), peer))
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.0);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// Serves HTTP/2 or HTTP/1, by the first bytes.
async fn connection(
    app: Arc<App>,
    mut io: TcpStream,
    place: Place,
    stopping: watch::Receiver<bool>,
) {
    let _ = io.set_nodelay(true);
    let peer = place.1;
    let seconds = if app.has(Fault::FirstByteTimeout) {
        3600
    } else {
        2
    };
    let mut deadline = Instant::now() + Duration::from_secs(seconds);
    let mut buffer = Vec::new();
    let mut stop = stopping.clone();
    let could_be = |buffer: &[u8]| PREFACE.starts_with(buffer);
    while could_be(&buffer) && buffer.len() < PREFACE.len() {
        let read = tokio::select! {
            read = timeout_at(deadline, io.read_buf(&mut buffer)) => read,
            () = stopped(&mut stop) => return,
        };
        if !matches!(read, Ok(Ok(1..))) {
            return;
        }
        match app.fault {
            Fault::PrefaceAwaited => deadline += Duration::from_secs(3600),
            Fault::PrefaceRenews => deadline = Instant::now() + Duration::from_secs(2),
            _ => {}
        }
    }
    if buffer.starts_with(PREFACE) {
        let rest = buffer.split_off(PREFACE.len());
        Http2::serve(app, io, peer, rest, stopping).await;
        return;
    }
    let connection = Http1 {
        app,
        io,
        peer,
        buffer,
        number: rand::random(),
        stopping,
        heads: 0,
    };
    connection.serve().await;
}

/// Ends when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
