//! A long time of everything: a load that panics now and then, and connections that never end.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    Outcome, Row,
    load::{self, Seen},
    print,
    server::Running,
    shapes::Shape,
};

pub(crate) async fn run(minutes: usize) -> Outcome<bool> {
    let server = Running::start(&["quiet"])?;
    let seen = Arc::new(Seen::default());
    let clients = load::put(server.plain, 16, &seen);
    let hostile = hold(&server);
    let until = Instant::now() + Duration::from_secs(60 * minutes as u64);
    let mut samples = Vec::new();
    while Instant::now() < until {
        sleep(Duration::from_secs(5)).await;
        samples.push((server.memory()?, server.descriptors()?));
        eprintln!(
            "{} MiB, {} descriptors",
            samples[samples.len() - 1].0 >> 20,
            samples[samples.len() - 1].1
        );
    }
    seen.is_over.store(true, Relaxed);
    hostile.iter().for_each(JoinHandle::abort);
    for client in clients {
        client.await?;
    }
    let wrong = seen.wrong.load(Relaxed);
    // The first quarter warms up.
    let (early, late) = samples[samples.len() / 4..].split_at(samples.len() * 3 / 8);
    let most = |of: &[(u64, usize)]| {
        let memory = of.iter().map(|sample| sample.0).max().unwrap_or_default();
        let descriptors = of.iter().map(|sample| sample.1).max().unwrap_or_default();
        (memory as f64 / f64::from(1 << 20), descriptors)
    };
    let (early, late) = (most(early), most(late));
    let row = Row {
        holds: wrong == 0 && late.0 <= early.0 + 4.0 && late.1 <= early.1 + 50,
        cells: vec![
            minutes.to_string(),
            seen.asked.load(Relaxed).to_string(),
            wrong.to_string(),
            format!("{:.1}, then {:.1}", early.0, late.0),
            format!("{}, then {}", early.1, late.1),
        ],
    };
    let columns = [
        "minutes",
        "requests",
        "wrong answers",
        "most MiB",
        "most descriptors",
    ];
    Ok(print("a long time", &columns, &[row]))
}

/// Ten connections of each shape at any time.
fn hold(server: &Running) -> Vec<JoinHandle<()>> {
    let shapes = Shape::all().into_iter();
    let all = shapes.flat_map(|shape| std::iter::repeat_n(shape, 10));
    all.map(|shape| {
        let address = if shape.over_tls {
            server.tls
        } else {
            server.plain
        };
        tokio::spawn(async move {
            loop {
                let _ = shape.hold(address).await;
            }
        })
    })
    .collect()
}
