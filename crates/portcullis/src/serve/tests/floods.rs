//! Clients that send more control frames than they need.

use std::sync::atomic::Ordering::Relaxed;

use portcullis_test::logged;
use proptest::prelude::*;

use super::{
    hostile::{has_frame, read_frame},
    *,
};
use crate::serve::{activity::Activity, frames::Frames, wire::PREFACE};

async fn flood(one: &[u8]) -> Vec<u8> {
    let server = server();
    let mut client = Client::sending(&server.connections(), &hello()).await;
    let batch = one.repeat(16_384 / one.len());
    for _ in 0..60 {
        if client.io.write_all(&batch).await.is_err() {
            break;
        }
    }
    client.read_to_end().await.0
}

#[tokio::test(start_paused = true)]
async fn floods_of_what_must_be_answered_end_the_connection_calmly() {
    let began = Instant::now();
    let ping = frame(6, 0, 0, &[0; 8]);
    let settings = frame(4, 0, 0, b"");
    let window = frame(8, 0, 0, &1_u32.to_be_bytes());
    let priority = frame(2, 0, 1, &[0, 0, 0, 0, 1]);
    let unknown = frame(0xbe, 0, 0, b"");
    for one in [ping, settings, window, priority, unknown] {
        let seen = flood(&one).await;

        assert!(seen.ends_with(&[0, 0, 0, 0xb]), "{one:?}: {seen:?}");
        assert!(has_frame(&seen, 7));
    }
    assert!(began.elapsed() < SECOND, "no timer ended them");
}

#[tokio::test(start_paused = true)]
async fn who_floods_and_who_breaks_the_rules_is_counted_and_logged_once_a_minute() {
    let server = server();
    let counts = server.counts();
    let count = |reason| {
        let all = counts.counts().into_iter();
        let mut of_reason =
            all.filter(|count| count.labels.contains(&("reason", String::from(reason))));
        of_reason.next().unwrap().value
    };
    let data_of_no_stream = frame(0, 0, 0, b"a");
    let flood = frame(6, 0, 0, &[0; 8]).repeat(200);
    // Each is opened, and reset before it is answered.
    let resets = (0..2000)
        .flat_map(|n| [get(2 * n + 1, "/endless"), frame(3, 0, 2 * n + 1, &[0; 4])].concat());
    let (log, ()) = logged(async {
        for bytes in [flood, data_of_no_stream, resets.collect()] {
            let hello = hello();
            let mut client = Client::sending(&server.connections(), &hello).await;
            let _ = client.io.write_all(&bytes).await;
            client.read_to_end().await;
        }
    })
    .await;

    assert_eq!((count("flood"), count("protocol_error")), (2, 1));
    assert_eq!(log.matches("connection ended").count(), 1, "{log}");
    assert!(log.contains("192.0.2.1"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn who_pings_each_second_and_reads_much_is_served() {
    let server = server();
    let mut client = Client::sending(&server.connections(), &hello()).await;
    for round in 0..200_u32 {
        tokio::time::sleep(SECOND / 10).await;
        let stream = 2 * round + 1;
        let window = frame(8, 0, 0, &(1_u32 << 20).to_be_bytes());
        let ping = frame(6, 0, 0, &[0; 8]);
        let asked = [ping, window, get(stream, "/large")].concat();
        client.io.write_all(&asked).await.unwrap();
        let mut left: usize = 1 << 20;
        while left > 0 {
            let frame_read = read_frame(&mut client, 0).await;
            let bytes = frame_read.payload.len();
            left -= bytes;
            // After each KiB, as the least lazy clients do.
            let update = frame(8, 0, stream, &1024_u32.to_be_bytes());
            let updates = update.repeat(bytes.div_ceil(1024));
            client.io.write_all(&updates).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_frame_is_written_into_another() {
    let server = server();
    let asked = [hello(), get(1, "/large")].concat();
    let mut client = Client::sending(&server.connections(), &asked).await;
    tokio::time::sleep(SECOND).await;
    // The pipe is full, in the middle of a frame, and has room again when it floods.
    let mut seen = vec![0; 60_000];
    client.io.read_exact(&mut seen).await.unwrap();
    let pings = frame(6, 0, 0, &[0; 8]).repeat(200);
    client.io.write_all(&pings).await.unwrap();
    seen.extend(client.read_to_end().await.0);

    let mut rest = &seen[..];
    while let [a, b, c, kind, _, _, _, _, _, payload @ ..] = rest {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let (payload, after) = payload.split_at(length.min(payload.len()));
        assert!(*kind != 0 || payload.iter().all(|byte| *byte == b'x'));
        rest = after;
    }
}

#[tokio::test(start_paused = true)]
async fn almost_a_hundred_a_second_are_free_however_they_fall() {
    let server = server();
    let hello = [hello(), get(1, "/endless")].concat();
    let mut client = Client::sending(&server.connections(), &hello).await;
    let priority = frame(2, 0, 1, &[0, 0, 0, 0, 1]);
    // Until it would have to answer a ping.
    for round in 0..1800 {
        let count = if round % 5 == 0 { 1 } else { 2 };
        client.io.write_all(&priority.repeat(count)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(19)).await;
    }
    assert!(!client.served.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_of_grpc_pings_for_each_message_and_is_served() {
    let server = server();
    let mut client = Client::sending(&server.connections(), &hello()).await;
    let ping = frame(6, 0, 0, &[0; 8]);
    let window = frame(8, 0, 0, &20_u32.to_be_bytes());
    for call in 0..500_u32 {
        let asked = [&get(2 * call + 1, "/")[..], &ping, &window].concat();
        client.io.write_all(&asked).await.unwrap();
        read_frame(&mut client, 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_ended_without_a_word_that_nothing_was_served() {
    let seen = flood(&frame(6, 0, 0, &[0; 8])).await;

    assert!(
        seen.ends_with(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0xb]),
        "{seen:?}"
    );
}

/// Frames, and how a client may cut them.
fn conversation() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let one = (
        0_u8..12,
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..40),
    );
    let frames = prop::collection::vec(one, 0..40);
    (frames, prop::collection::vec(1_usize..30, 1..20)).prop_map(|(frames, cuts)| {
        let mut bytes = PREFACE.to_vec();
        for (kind, flags, payload) in frames {
            bytes.extend(frame(kind, flags, 1, &payload));
        }
        (bytes, cuts)
    })
}

/// Time gives budget back.
fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #[test]
    fn how_bytes_are_cut_changes_nothing((bytes, cuts) in conversation()) {
        let runtime = paused();
        let _guard = runtime.enter();
        let activity = std::sync::Arc::new(Activity::new(Instant::now()));
        let mut whole = Frames::new();
        let mut cut = Frames::new();
        let expected = whole.read(&bytes, &activity).is_ok();
        let mut rest = &bytes[..];
        let mut is_ok = true;
        for length in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            is_ok = is_ok && cut.read(piece, &activity).is_ok();
            rest = after;
        }

        prop_assert_eq!(is_ok, expected);
        if expected {
            prop_assert_eq!(cut.state(), whole.state());
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let runtime = paused();
        let _guard = runtime.enter();
        let activity = std::sync::Arc::new(Activity::new(Instant::now()));
        let _ = Frames::new().read(&bytes, &activity);
    }
}

#[tokio::test]
async fn what_leaves_beside_bodies_is_not_read() {
    let activity = Activity::new(Instant::now());
    let mut frames = Frames::new();
    activity.blocked();
    let mut read = |bytes: &[u8]| {
        for part in bytes.chunks(7) {
            frames.wrote(part, &activity);
        }
        activity.read_since.load(Relaxed)
    };

    // Heads, PINGs and windows leave whatever the client has room for.
    for kind in [1, 6, 8, 9] {
        assert_eq!(read(&frame(kind, 0, 1, &[0; 3000])), 0);
    }
    assert_eq!(read(&frame(0, 0, 1, &[0; 3000])), 3000);
}
