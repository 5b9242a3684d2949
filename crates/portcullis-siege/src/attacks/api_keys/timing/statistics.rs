//! Whether two classes of times differ.

/// Two classes of wrong keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    /// Welch's t.
    t: f64,
    /// Of the medians, in microseconds.
    pub(super) median: f64,
    pub(super) samples: usize,
    /// What an answer takes, in microseconds.
    typical: f64,
}

// ===== impl Difference =====

impl Difference {
    pub(super) fn new([mut one, mut other]: [Vec<f64>; 2]) -> Self {
        // The slowest tenth is the machine's, not the server's.
        for times in [&mut one, &mut other] {
            times.sort_by(f64::total_cmp);
            times.truncate(times.len() * 9 / 10);
        }
        Self {
            t: welch(&one, &other),
            median: median(&one) - median(&other),
            samples: one.len() + other.len(),
            typical: median(&one).min(median(&other)),
        }
    }

    pub(super) fn leaks(self) -> bool {
        self.t.abs() >= 4.5 && self.median.abs() >= 1.0
    }

    /// Whether nothing was seen, and the machine is quiet enough to see something.
    pub(super) fn is_quiet(self) -> bool {
        !self.leaks() && self.median.abs() < NOISY.max(self.typical * NOISY_SHARE)
    }

    /// Whether both leak, and say the same.
    pub(super) fn agrees(self, other: Self) -> bool {
        self.leaks() && other.leaks() && self.t.is_sign_positive() == other.t.is_sign_positive()
    }

    pub(super) fn text(self) -> String {
        let Self {
            t, median, samples, ..
        } = self;
        format!("t = {t:.1}, medians {median:+.2} us apart, {samples} samples")
    }
}

/// In microseconds: more than the medians of one thing differ on a quiet machine.
const NOISY: f64 = 10.0;
/// The same, of what an answer takes: a hash of milliseconds differs by more than ten microseconds.
const NOISY_SHARE: f64 = 0.02;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_two_samples_apart_and_one_from_itself() {
        let noise = |i: usize| (i * 7919 % 101) as f64 / 10.0;
        let one: Vec<_> = (0..1000).map(|i| 50.0 + noise(i)).collect();
        let slower: Vec<_> = (0..1000).map(|i| 53.0 + noise(i + 3)).collect();

        assert!(!Difference::new([one.clone(), one.clone()]).leaks());
        let leak = Difference::new([one.clone(), slower.clone()]);
        assert!(leak.leaks() && leak.agrees(leak));
        assert!(!leak.agrees(Difference::new([slower, one])));
    }

    #[test]
    fn what_takes_long_may_differ_by_more() {
        let around = |typical: f64, by: f64| {
            let one: Vec<_> = (0..60).map(|i| typical + f64::from(i % 7) * by).collect();
            let other = one.iter().map(|time| time + by).collect();
            Difference::new([one, other])
        };

        assert!(around(60.0, 9.0).is_quiet());
        assert!(!around(60.0, 11.0).is_quiet());
        assert!(around(25_000.0, 400.0).is_quiet());
        assert!(!around(25_000.0, 600.0).is_quiet());
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
