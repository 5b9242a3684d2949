//! Whether two classes of times differ.

/// Two classes of wrong keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    /// Welch's t.
    t: f64,
    /// Of the medians, in microseconds.
    pub(super) median: f64,
    pub(super) samples: usize,
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
        }
    }

    pub(super) fn leaks(self) -> bool {
        self.t.abs() >= 4.5 && self.median.abs() >= 1.0
    }

    /// Whether both leak, and say the same.
    pub(super) fn agrees(self, other: Self) -> bool {
        self.leaks() && other.leaks() && self.t.is_sign_positive() == other.t.is_sign_positive()
    }

    pub(super) fn text(self) -> String {
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
    fn knows_welchs_t() {
        let t = welch(
            &[27.5, 21.0, 19.0, 23.6, 17.0],
            &[27.1, 22.0, 20.8, 23.4, 23.4],
        );

        assert!((t - -0.8132).abs() < 0.001, "{t}");
    }
}
