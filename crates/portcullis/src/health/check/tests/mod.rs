use std::time::Duration;

use proptest::prelude::*;

use super::{
    State,
    jitter::Jitter,
    streak::{Streak, Thresholds},
};

fn result() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Ok,
        State::Degraded,
        State::Failing,
        State::TimedOut,
    ])
}

proptest! {
    #[test]
    fn jitter_keeps_within_its_bounds(part in 0.0..=0.5, at in 0.0..=1.0, millis in 1..100_000_u64) {
        let pause = Duration::from_millis(millis);
        let jittered = Jitter::parse(part).unwrap().apply(pause, at).as_secs_f64();

        let whole = pause.as_secs_f64();
        prop_assert!(jittered >= whole * (1.0 - part) - 1e-6, "{}", jittered);
        prop_assert!(jittered <= whole * (1.0 + part) + 1e-6, "{}", jittered);
    }

    /// After the first result it is never worse than the mildest of as many as are needed, nor better
    /// than the worst of those.
    #[test]
    fn a_state_changes_after_so_many_in_a_row_and_not_before(
        results in prop::collection::vec(result(), 1..60),
        failures in 1..5_u32,
        successes in 1..5_u32,
    ) {
        let mut streak = Streak::new();
        let mut before = State::Pending;
        for (at, result) in results.iter().enumerate() {
            streak.add(*result, Thresholds { failures, successes });
            let now = streak.state();
            let last = |count: u32| results[..=at].iter().rev().take(count as usize);
            let severities = |count| last(count).map(|result| result.severity());
            if at == 0 {
                prop_assert_eq!(now, *result);
            } else if now.severity() > before.severity() {
                prop_assert!(at + 1 >= failures as usize);
                prop_assert!(severities(failures).all(|own| own >= now.severity()));
            } else if now.severity() < before.severity() {
                prop_assert!(at + 1 >= successes as usize);
                prop_assert!(severities(successes).all(|own| own <= now.severity()));
            } else if before.severity() != result.severity() {
                let needed = if result.severity() > before.severity() { failures } else { successes };
                let all = last(needed).count() == needed as usize;
                let goes_on = all && results[at + 1 - needed as usize..=at]
                    .iter()
                    .all(|own| own.severity().cmp(&before.severity()) == result.severity().cmp(&before.severity()));
                prop_assert!(!goes_on || needed == 0, "it should have changed: {:?}", &results[..=at]);
            }
            before = now;
        }
    }
}

#[test]
fn what_is_no_jitter_is_none() {
    for part in [-0.1, 0.6, f64::NAN, f64::INFINITY] {
        assert_eq!(Jitter::parse(part), None, "{part}");
    }
}
