//! Thousands of connections that never end.

use std::{collections::BTreeMap, time::Duration};

use tokio::task::JoinSet;

use crate::{Outcome, Row, print, server::Running, shapes::Shape};

/// What became of a shape's connections.
struct Ended {
    name: &'static str,
    limit: u64,
    connections: usize,
    closed: usize,
    slowest: Duration,
}

pub(crate) async fn run(each: usize) -> Outcome<bool> {
    let server = Running::start(&[])?;
    let mut all: Vec<Ended> = Vec::new();
    for shape in Shape::all() {
        let ended = hold(&server, shape, each).await?;
        match all.last_mut() {
            Some(last) if last.name == ended.name => last.add(&ended),
            _ => all.push(ended),
        }
    }
    let rows: Vec<_> = all.iter().map(Ended::row).collect();
    Ok(print(
        &format!("{each} connections of each shape"),
        &[
            "what they send",
            "connections",
            "closed",
            "the slowest, s",
            "limit, s",
        ],
        &rows,
    ))
}

async fn hold(server: &Running, shape: Shape, each: usize) -> Outcome<Ended> {
    let address = if shape.over_tls {
        server.tls
    } else {
        server.plain
    };
    let mut ended = Ended {
        name: shape.name,
        limit: shape.limit,
        connections: each,
        closed: 0,
        slowest: Duration::ZERO,
    };
    let mut tasks = JoinSet::new();
    for _ in 0..each {
        let shape = shape.clone();
        tasks.spawn(async move { shape.hold(address).await });
    }
    let mut errors = BTreeMap::<String, usize>::new();
    while let Some(held) = tasks.join_next().await {
        match held? {
            Ok(took) => {
                ended.closed += 1;
                ended.slowest = ended.slowest.max(took);
            }
            Err(error) => *errors.entry(error.to_string()).or_default() += 1,
        }
    }
    for (error, count) in errors {
        eprintln!("{}: {count} times {error}", shape.name);
    }
    Ok(ended)
}

// ===== impl Ended =====

impl Ended {
    fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.closed += other.closed;
        self.slowest = self.slowest.max(other.slowest);
    }

    fn row(&self) -> Row {
        let slowest = self.slowest.as_secs_f64();
        Row {
            cells: vec![
                self.name.to_owned(),
                self.connections.to_string(),
                self.closed.to_string(),
                format!("{slowest:.1}"),
                self.limit.to_string(),
            ],
            holds: self.closed == self.connections && slowest <= (self.limit + 2) as f64,
        }
    }
}
