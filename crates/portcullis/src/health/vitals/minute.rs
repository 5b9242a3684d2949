//! The last minute, second by second.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was counted in the last 60 seconds, this one included.
#[derive(Debug)]
pub(super) struct Minute(Mutex<[Second; 60]>);

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) requests: u32,
    pub(super) errors: u32,
    pub(super) panics: u32,
}

/// A second, and which it is.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: u64,
    sum: Sum,
}

// ===== impl Minute =====

impl Minute {
    pub(super) fn new() -> Self {
        Self(Mutex::new([Second::default(); 60]))
    }

    pub(super) fn add(&self, second: u64, is_error: bool, is_panic: bool) {
        let place = (second % 60) as usize;
        let mut seconds = self.lock();
        let own = &mut seconds[place];
        if own.number > second {
            // A minute late: it is of no minute any more.
            return;
        }
        if own.number < second {
            *own = Second {
                number: second,
                ..Second::default()
            };
        }
        own.sum.requests = own.sum.requests.saturating_add(1);
        own.sum.errors = own.sum.errors.saturating_add(u32::from(is_error));
        own.sum.panics = own.sum.panics.saturating_add(u32::from(is_panic));
    }

    pub(super) fn sum(&self, second: u64) -> Sum {
        let seconds = self.lock();
        let is_recent = |own: &&Second| own.number <= second && second - own.number < 60;
        let recent = seconds.iter().filter(is_recent);
        recent.fold(Sum::default(), |sum, own| Sum {
            requests: sum.requests.saturating_add(own.sum.requests),
            errors: sum.errors.saturating_add(own.sum.errors),
            panics: sum.panics.saturating_add(own.sum.panics),
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Second; 60]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_sum_of_a_list_of_all(
            steps in prop::collection::vec((0..30_u64, any::<bool>(), any::<bool>()), 0..200),
            pause in 0..100_u64,
        ) {
            let minute = Minute::new();
            let mut all = Vec::new();
            let mut now = 0;
            for (pause, is_error, is_panic) in steps {
                now += pause;
                minute.add(now, is_error, is_panic);
                all.push((now, is_error, is_panic));
            }
            now += pause;
            let recent = all.iter().filter(|(at, ..)| now - at < 60);
            let expected = recent.fold(Sum::default(), |sum, (_, is_error, is_panic)| Sum {
                requests: sum.requests + 1,
                errors: sum.errors + u32::from(*is_error),
                panics: sum.panics + u32::from(*is_panic),
            });

            prop_assert_eq!(minute.sum(now), expected);
        }
    }
}
