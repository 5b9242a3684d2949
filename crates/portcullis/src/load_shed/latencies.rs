//! Latencies of one window, in buckets.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Counts latencies: eight buckets for each power of two, from 16 µs to 69 s.
pub(super) struct Latencies([AtomicU32; BUCKETS]);

/// What was counted in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) samples: u64,
    /// In nanoseconds.
    pub(super) median: Option<f64>,
}

// ===== impl Latencies =====

impl Latencies {
    #[inline]
    pub(super) fn add(&self, nanos: u64) {
        if let Some(bucket) = self.0.get(bucket(nanos)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// Returns how many were counted.
    pub(super) fn samples(&self) -> u64 {
        self.0
            .iter()
            .map(|count| u64::from(count.load(Relaxed)))
            .sum()
    }

    /// Returns what was counted, and begins anew.
    pub(super) fn take(&self) -> Summary {
        let mut counts = [0; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.0) {
            *count = u64::from(bucket.swap(0, Relaxed));
        }
        let samples = counts.iter().sum();
        let median = (samples > 0).then(|| median(&counts, samples));
        Summary { samples, median }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }
}

/// Returns the median, as if the latencies of a bucket lay evenly in it.
fn median(counts: &[u64; BUCKETS], samples: u64) -> f64 {
    let half = samples as f64 / 2.0;
    let mut below = 0.0;
    for (bucket, count) in counts.iter().enumerate() {
        let count = *count as f64;
        if below + count >= half && count > 0.0 {
            let (low, high) = (lowest(bucket), lowest(bucket + 1));
            return low + (high - low) * (half - below) / count;
        }
        below += count;
    }
    lowest(BUCKETS)
}

/// Returns the bucket of a latency.
#[inline]
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(1 << LEAST);
    let power = nanos.ilog2();
    let part = (nanos >> (power - 3)) as usize & 7;
    let bucket = (power - LEAST) as usize * 8 + part;
    bucket.min(BUCKETS - 1)
}

/// Returns the lowest latency of a bucket.
fn lowest(bucket: usize) -> f64 {
    let (power, part) = (bucket / 8, bucket % 8);
    let octave = 2.0_f64.powi(power as i32 + LEAST as i32);
    octave * (1.0 + part as f64 / 8.0)
}

/// 16 µs, as a power of two of nanoseconds.
const LEAST: u32 = 14;
const BUCKETS: usize = 22 * 8;
