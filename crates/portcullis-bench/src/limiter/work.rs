//! What a limiter is made to do, in a process of its own.

use std::{fmt, fs, hint::black_box, str::FromStr, thread};

use tokio::time::Instant;

use super::stores::{Checks, KEYS};
use crate::{Outcome, measure::median};

/// The function that callgrind counts in.
pub(crate) const COUNTED: &str = "*::counted_checks";

/// What a flood of new keys took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flood {
    /// Nanoseconds of a check, on the whole.
    pub(crate) mean: u64,
    /// Nanoseconds of one in 10,000, and of the worst.
    pub(crate) rare: u64,
    pub(crate) worst: u64,
    /// Bytes of resident memory for each key after as many keys as the table is made for.
    pub(crate) bytes_per_key: f64,
    /// Mebibytes of resident memory more after ten million.
    pub(crate) mebibytes: f64,
}

/// Checks 1,000 clients in turn, on so many threads. Nanoseconds for each check of a thread.
pub(crate) fn hot(limiter: &dyn Checks, threads: usize, checks: u64) -> f64 {
    counted_checks(limiter, 0, 10_000);
    let started = Instant::now();
    thread::scope(|scope| {
        for thread in 1..threads {
            scope.spawn(move || counted_checks(limiter, thread as u32 * 500, checks));
        }
        counted_checks(limiter, 0, checks);
    });
    started.elapsed().as_nanos() as f64 / checks as f64
}

#[inline(never)]
fn counted_checks(limiter: &dyn Checks, first: u32, checks: u64) {
    for n in 0..checks {
        let client = (first + n as u32) % 1_000;
        black_box(limiter.check(black_box(client)));
    }
}

/// Checks ten million clients, each once: with one limiter on the whole, with another each by
/// itself.
pub(crate) fn flood(build: fn() -> Box<dyn Checks>) -> Outcome<Flood> {
    let mut times = Times::default();
    // The program's own pages are not the store's.
    black_box(build().check(client(0)));
    let before = resident()?;
    let limiter = build();
    let started = Instant::now();
    let mut at_capacity = before;
    for n in 0..CLIENTS {
        if n == KEYS as u32 {
            at_capacity = resident()?;
        }
        black_box(limiter.check(black_box(client(n))));
    }
    let mean = started.elapsed().as_nanos() as u64 / u64::from(CLIENTS);
    let after = resident()?;
    drop(limiter);

    let limiter = build();
    for n in 0..CLIENTS {
        let started = Instant::now();
        black_box(limiter.check(black_box(client(n))));
        times.add(started.elapsed().as_nanos() as u64);
    }
    Ok(Flood {
        mean,
        rare: times.at(0.9999),
        worst: times.worst,
        bytes_per_key: at_capacity.saturating_sub(before) as f64 / KEYS as f64,
        mebibytes: after.saturating_sub(before) as f64 / f64::from(1 << 20),
    })
}

/// Every client once, in no order: the factor is odd.
const fn client(n: u32) -> u32 {
    n.wrapping_mul(0x9e37_79b9)
}

/// How often a check took so many nanoseconds.
struct Times {
    counts: Vec<u32>,
    worst: u64,
}

// ===== impl Times =====

impl Times {
    fn add(&mut self, nanos: u64) {
        let place = (nanos as usize).min(self.counts.len() - 1);
        self.counts[place] += 1;
        self.worst = self.worst.max(nanos);
    }

    /// The time below which that part of the checks lies. The last place stands for more.
    fn at(&self, part: f64) -> u64 {
        let wanted = (f64::from(CLIENTS) * part) as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        place.map_or(self.worst, |place| place as u64)
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            // Half a millisecond: written to, so that it is resident before anything is measured.
            counts: (0..500_000).map(|n| u32::from(n == usize::MAX)).collect(),
            worst: 0,
        }
    }
}

/// Bytes of resident memory (proc(5), `/proc/pid/statm`).
fn resident() -> Outcome<usize> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split(' ')
        .nth(1)
        .ok_or("statm has no second number")?;
    Ok(pages.parse::<usize>()? * 4096)
}

const CLIENTS: u32 = 10_000_000;

impl Flood {
    /// The median of each figure.
    pub(crate) fn median(floods: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(floods.iter().map(figure).collect());
        Self {
            mean: of(|flood| flood.mean as f64) as u64,
            rare: of(|flood| flood.rare as f64) as u64,
            worst: of(|flood| flood.worst as f64) as u64,
            bytes_per_key: of(|flood| flood.bytes_per_key),
            mebibytes: of(|flood| flood.mebibytes),
        }
    }
}

// ===== the line between the outer and the inner command =====

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mean,
            rare,
            worst,
            bytes_per_key,
            mebibytes,
        } = self;
        write!(f, "{mean} {rare} {worst} {bytes_per_key} {mebibytes}")
    }
}

impl FromStr for Flood {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [mean, rare, worst, bytes_per_key, mebibytes] = words[..] else {
            return Err(format!("not five numbers: {line:?}").into());
        };
        Ok(Self {
            mean: mean.parse()?,
            rare: rare.parse()?,
            worst: worst.parse()?,
            bytes_per_key: bytes_per_key.parse()?,
            mebibytes: mebibytes.parse()?,
        })
    }
}
