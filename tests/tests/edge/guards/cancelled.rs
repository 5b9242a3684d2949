//! A client that goes away while a guard waits for its verdict.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use portcullis::Slot;
use portcullis_tests::net::request;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Notify};

use super::*;

/// How often something was taken, and how often it was given back.
#[derive(Clone, Default)]
struct Places {
    taken: Arc<AtomicUsize>,
    given_back: Arc<AtomicUsize>,
}

/// A place, until it is dropped.
struct Place(Places);

impl Places {
    fn take(&self) -> Place {
        self.taken.fetch_add(1, SeqCst);
        Place(self.clone())
    }

    fn are_taken(&self, places: usize) -> bool {
        self.taken.load(SeqCst) == places
    }

    fn are_given_back(&self, places: usize) -> bool {
        self.given_back.load(SeqCst) == places
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.given_back.fetch_add(1, SeqCst);
    }
}

/// Holds a place for the exchange and one while it waits, which is for good.
fn stuck(places: &Places) -> impl Guard {
    let places = places.clone();
    on_go(move |_, reply| {
        reply.hold(places.take());
        let place = places.take();
        let never = async move {
            pending::<()>().await;
            drop(place);
        };
        Verdict::defer(never, |(), _, _| Verdict::Admit)
    })
}

async fn hang_up_http1(address: SocketAddr, is_asked: impl Fn() -> bool) {
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(b"GET /go HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    eventually("the guard is asked", is_asked).await;
    drop(io);
}

/// Resets one stream; the connection goes on.
async fn hang_up_http2(client: &Client, is_asked: impl Fn() -> bool) {
    let Client::Http2(sender) = client else {
        unreachable!("it is HTTP/2");
    };
    let mut sender = sender.clone();
    let sent = tokio::spawn(async move { sender.send_request(request("/go", &[])).await });
    eventually("the guard is asked", is_asked).await;
    sent.abort();
}

#[tokio::test]
async fn what_was_held_is_given_back_and_observers_hear_of_it() {
    for slot in Slot::ALL {
        let places = Places::default();
        let edge = portcullis_axum::edge().guard(slot, stuck(&places));
        let (server, endings) = serve(edge).await;
        let mut client = Client::http2(server.address()).await;
        hang_up_http1(server.address(), || places.are_taken(2)).await;
        eventually("they are given back", || places.are_given_back(2)).await;
        hang_up_http2(&client, || places.are_taken(4)).await;
        eventually("they are given back", || places.are_given_back(4)).await;

        assert_eq!(
            endings.take(),
            [(None, None, Outcome::ClientGone); 2],
            "{slot}"
        );
        assert_eq!(client.get("/").await.text, "nobody");
    }
}

/// A body of two chunks, the second of which is sent when the test says so.
fn two_chunks(go_on: Arc<Notify>) -> Body {
    let first = stream::iter([Ok::<_, Infallible>("first, ")]);
    let last = stream::once(async move {
        go_on.notified().await;
        Ok("last")
    });
    Body::from_stream(first.chain(last))
}

#[tokio::test]
async fn what_is_held_is_given_back_with_the_last_byte() {
    let (places, go_on) = <(Places, Arc<Notify>)>::default();
    let (held, body) = (places.clone(), Arc::clone(&go_on));
    let holding = Judge(move |_: &mut request::Parts, reply: &mut Reply| {
        reply.hold(held.take());
        Verdict::defer(tokio::task::yield_now(), |(), _, _| Verdict::Admit)
    });
    let app = Router::new().route("/", get(move || async { two_chunks(body) }));
    let edge = portcullis_axum::edge()
        .guard(Slot::InFlight, holding)
        .build()
        .unwrap();
    let server = Server::start(app.layer(edge)).await;
    for (nth, mut client) in (0..).zip(clients(&server).await) {
        let mut response = client.send(request("/", &[])).await.unwrap();
        let first = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "first, ");
        assert!(places.are_taken(nth + 1) && places.are_given_back(nth));

        go_on.notify_one();
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "last"
        );
        eventually("it is given back", || places.are_given_back(nth + 1)).await;
    }
}
