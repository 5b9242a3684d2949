//! E05: whether a wrong key's time tells how much of it is right.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{changed, key, protected};
use crate::{
    Target,
    context::Context,
    process::Process,
    verdict::{Evidence, Failure, Finding},
    wire::{Client, Request},
};

/// Two classes of wrong keys.
#[derive(Clone, Copy, Debug)]
struct Difference {
    /// Welch's t.
    t: f64,
    /// Of the medians, in microseconds.
    median: f64,
    samples: usize,
}

pub(crate) async fn timing(context: &Context) -> Finding {
    let key = key(context)?;
    let is_this_program = context.found.process.is_some_and(Process::is_this);
    if is_this_program && cfg!(debug_assertions) {
        let why = "a debug build says nothing of a release's timing: cargo test --release";
        return Err(Failure::not_tested(why));
    }
    let count = match context.intensity {
        crate::Intensity::Quick => 3000,
        crate::Intensity::Full => 10_000,
    };
    let planted = planted(context, key).await?;
    if !planted.leaks() {
        return Err(Failure::unclear(format!(
            "the planted leak was not found: {}",
            planted.text()
        )));
    }
    let first = changed(key, 0);
    let others = [
        ("the last byte", changed(key, key.len() - 1)),
        ("an unknown key", unknown(key)),
    ];
    let mut notes = Vec::new();
    for (name, other) in others {
        let mut seen = measure(context, &first, &other, count).await?;
        // Far apart, and lost in the noise of a busy machine: measured once more.
        if !seen.leaks() && seen.median.abs() >= NOISY {
            seen = measure(context, &first, &other, count).await?;
        }
        // A machine's hiccup is not found twice.
        if seen.leaks() && measure(context, &first, &other, count).await?.leaks() {
            let what = format!("a wrong first byte against {name}: {}", seen.text());
            let sent = format!("{} requests with each key, interleaved", seen.samples);
            let evidence = Evidence::new(what)
                .sent(sent)
                .received(format!("the planted leak: {}", planted.text()));
            return Err(evidence.into());
        }
        notes.push(format!("{name}: {}", seen.text()));
    }
    Ok(format!(
        "{}; planted leak of 1 us a byte: {}",
        notes.join("; "),
        planted.text()
    ))
}

/// A key of the same length that shares nothing.
fn unknown(key: &str) -> String {
    key.chars()
        .map(|c| if c == 'z' { 'y' } else { 'z' })
        .collect()
}

/// The positive control: a server of our own that compares byte by byte.
async fn planted(context: &Context, key: &str) -> Result<Difference, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::local(listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(leaky(listener, key.to_owned()));
    measure(
        &context.at(target),
        &changed(key, 0),
        &changed(key, key.len() - 1),
        1000,
    )
    .await
}

/// Interleaved, in random order, so that whatever changes with time changes both.
async fn measure(
    context: &Context,
    one: &str,
    other: &str,
    count: usize,
) -> Result<Difference, Failure> {
    let requests = [one, other]
        .map(|key| Request::get(protected(context).unwrap_or("/")).with_key(context, key));
    let mut times = [Vec::new(), Vec::new()];
    let mut client = warm(context).await?;
    while times[0].len() + times[1].len() < count * 2 {
        let which = usize::from(rand::random::<bool>());
        let began = Instant::now();
        let answer = client.send(context, &requests[which]).await;
        let took = began.elapsed();
        match answer {
            Ok(answer) if answer.status == 401 => {
                times[which].push(took.as_nanos() as f64 / 1000.0);
            }
            // Limited, locked out, or closed: from another address.
            _ => client = warm(context).await?,
        }
    }
    Ok(Difference::new(times))
}

/// A connection from a fresh address. Its first answer pays for its beginning: that of the right key, which
/// is no failure that is counted.
async fn warm(context: &Context) -> Result<Client, Failure> {
    let mut client = Client::connect(context, context.fresh(), false).await?;
    let request = Request::get(protected(context)?).key(context);
    drop(client.send(context, &request).await);
    Ok(client)
}

// ===== impl Difference =====

impl Difference {
    fn new([mut one, mut other]: [Vec<f64>; 2]) -> Self {
        // The slowest tenth is the machine's, not the server's.
        for times in [&mut one, &mut other] {
            times.sort_by(f64::total_cmp);
            times.truncate(times.len() * 9 / 10);
        }
        Self {
            t: welch(&one, &other),
            median: median(&one) - median(&other),
            samples: one.len() + other.len(),
        }
    }

    fn leaks(self) -> bool {
        self.t.abs() >= 4.5 && self.median.abs() >= 1.0
    }

    fn text(self) -> String {
        let Self { t, median, samples } = self;
        format!("t = {t:.1}, medians {median:+.2} us apart, {samples} samples")
    }
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let ((mean_1, var_1), (mean_2, var_2)) = (moments(one), moments(other));
    let error = (var_1 / one.len() as f64 + var_2 / other.len() as f64).sqrt();
    if error == 0.0 {
        0.0
    } else {
        (mean_1 - mean_2) / error
    }
}

fn moments(sample: &[f64]) -> (f64, f64) {
    let count = sample.len().max(2) as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance)
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

async fn leaky(listener: TcpListener, key: String) {
    let mut connections = JoinSet::new();
    while let Ok((io, _)) = listener.accept().await {
        connections.spawn(leak(io, key.clone()));
    }
}

/// Compares byte by byte, and takes a microsecond for each that is right.
async fn leak(mut io: TcpStream, key: String) -> std::io::Result<()> {
    let _ = io.set_nodelay(true);
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if io.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&head);
        let given = text.lines().find_map(|line| {
            line.split_once(": ")
                .filter(|(_, value)| value.len() == key.len())
        });
        let given = given.map_or("", |(_, value)| value);
        let equal = given
            .bytes()
            .zip(key.bytes())
            .take_while(|(one, other)| one == other)
            .count();
        let until = Instant::now() + Duration::from_micros(equal as u64);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        io.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}

/// In microseconds: more than the medians of one thing differ on a quiet machine.
const NOISY: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_two_samples_apart_and_one_from_itself() {
        let noise = |i: usize| (i * 7919 % 101) as f64 / 10.0;
        let one: Vec<_> = (0..1000).map(|i| 50.0 + noise(i)).collect();
        let slower: Vec<_> = (0..1000).map(|i| 53.0 + noise(i + 3)).collect();

        assert!(!Difference::new([one.clone(), one.clone()]).leaks());
        assert!(Difference::new([one, slower]).leaks());
    }

    #[test]
    fn knows_welchs_t() {
        let t = welch(
            &[27.5, 21.0, 19.0, 23.6, 17.0],
            &[27.1, 22.0, 20.8, 23.4, 23.4],
        );

        assert!((t - -0.8132).abs() < 0.001, "{t}");
    }
}
