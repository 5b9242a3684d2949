use std::time::Duration;

use proptest::prelude::*;

use crate::load_shed::{
    bounds::Bounds,
    gauge::Gauge,
    latencies::Latencies,
    law::{Law, Load, Seen},
};

fn bounds() -> impl Strategy<Value = Bounds> {
    prop::array::uniform3(1..=u32::MAX).prop_map(|mut numbers| {
        numbers.sort_unstable();
        let [min, initial, max] = numbers;
        Bounds { min, initial, max }
    })
}

fn load() -> impl Strategy<Value = Load> {
    prop::sample::select(vec![Load::Low, Load::Busy, Load::Full])
}

proptest! {
    #[test]
    fn a_limit_stays_within_its_bounds(
        bounds in bounds(),
        windows in prop::collection::vec((any::<u32>(), prop::option::of(1..u64::MAX), load()), 0..200),
    ) {
        let mut law = Law::new(bounds);
        let mut now = Duration::ZERO;
        for (millis, median, load) in windows {
            now += Duration::from_millis(millis.into());
            let median = median.map(|median| median as f64);
            law.step(Seen { now, median, load });
            prop_assert!((bounds.min..=bounds.max).contains(&law.limit()), "{law:?}");
        }
    }

    #[test]
    fn no_more_are_in_flight_than_the_limit_and_never_less_than_none(
        steps in prop::collection::vec((any::<bool>(), 0_u32..20), 0..300),
    ) {
        let gauge = Gauge::default();
        let mut taken = 0;
        for (takes, limit) in steps {
            if takes {
                let more = gauge.take(limit);
                prop_assert_eq!(more.is_some(), taken < limit);
                taken += u32::from(more.is_some());
            } else if taken > 0 {
                gauge.give_back();
                taken -= 1;
            }
            prop_assert_eq!(gauge.read(), taken);
        }
    }

    #[test]
    fn a_median_is_that_of_the_latencies(
        mut latencies in prop::collection::vec(20_000_u64..60_000_000_000, 1..500),
    ) {
        let counted = Latencies::default();
        for latency in &latencies {
            counted.add(*latency);
        }
        latencies.sort_unstable();
        let exact = latencies[(latencies.len() - 1) / 2] as f64;

        let summary = counted.take();

        prop_assert_eq!(summary.samples, latencies.len() as u64);
        let ratio = summary.median.unwrap() / exact;
        prop_assert!((0.87..=1.14).contains(&ratio), "{}", ratio);
        prop_assert_eq!(counted.take().samples, 0);
    }

    #[test]
    fn any_latency_is_counted(latency: u64) {
        let counted = Latencies::default();
        counted.add(latency);
        prop_assert_eq!(counted.samples(), 1);
        prop_assert!(counted.take().median.unwrap().is_finite());
    }
}
