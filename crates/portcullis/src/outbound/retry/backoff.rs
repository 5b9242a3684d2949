use std::time::Duration;

/// Exponential backoff with full jitter: a random time between zero and a bound that doubles.
///
/// Full jitter spreads clients that failed together over the whole time, which costs the upstream
/// the least work of the variants compared in "Exponential Backoff and Jitter" (AWS Architecture
/// Blog, 2015).
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) cap: Duration,
}

// ===== impl Backoff =====

impl Backoff {
    /// Returns the longest wait before a retry. The first has number 0.
    pub(super) fn bound(self, retry: u32) -> Duration {
        let factor = 2_u32.checked_pow(retry).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// Returns the wait before a retry, by a random number from 0 to 1.
    pub(super) fn wait(self, retry: u32, random: f64) -> Duration {
        self.bound(retry)
            .mul_f64(random.clamp(0.0, 1.0))
            .min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(1),
    };

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<_> = (0..6).map(|n| BACKOFF.bound(n).as_millis()).collect();

        assert_eq!(bounds, [100, 200, 400, 800, 1000, 1000]);
    }

    proptest! {
        #[test]
        fn a_wait_is_within_its_bound(
            base in 0_u64..1 << 40,
            cap in 0_u64..1 << 40,
            retry: u32,
            random in 0.0..=1.0,
        ) {
            let (base, cap) = (Duration::from_micros(base), Duration::from_micros(cap));
            let backoff = Backoff { base, cap };

            let wait = backoff.wait(retry, random);

            prop_assert!(wait <= cap);
            prop_assert!(retry > 0 || wait <= base + Duration::from_nanos(1 << 8));
        }
    }
}
