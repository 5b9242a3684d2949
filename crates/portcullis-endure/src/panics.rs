//! Requests of which one in a hundred panics, at three places.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::time::sleep;

use crate::{
    Outcome, Row,
    load::{self, Seen},
    print,
    server::Running,
};

pub(crate) async fn run(count: usize) -> Outcome<bool> {
    let mut server = Running::start(&["patient", "quiet"])?;
    let seen = Arc::new(Seen::default());
    let clients = load::put(server.plain, 32, &seen);
    wait(&seen, count / 10).await;
    let before = server.memory()?;
    wait(&seen, count).await;
    let after = server.memory()?;
    seen.is_over.store(true, Relaxed);
    for client in clients {
        client.await?;
    }
    let more = after.saturating_sub(before) as f64 / f64::from(1 << 20);
    let lives = server.child.try_wait()?.is_none();
    let [asked, panics, wrong] = [&seen.asked, &seen.panics, &seen.wrong];
    let counts = [asked, panics, wrong].map(|count| count.load(Relaxed).to_string());
    let row = Row {
        holds: lives && wrong.load(Relaxed) == 0 && more <= 4.0,
        cells: [&counts[..], &[format!("{more:.1}")]].concat(),
    };
    let columns = [
        "requests",
        "that panic",
        "wrong answers",
        "MiB more since the first tenth",
    ];
    Ok(print("requests that panic", &columns, &[row]))
}

async fn wait(seen: &Seen, count: usize) {
    while seen.asked.load(Relaxed) < count {
        sleep(Duration::from_millis(50)).await;
    }
}
