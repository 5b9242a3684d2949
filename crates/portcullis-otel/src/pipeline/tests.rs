use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio::time::{Instant, timeout};

use super::{room::Room, stop::Stop};

proptest! {
    #[test]
    fn a_room_holds_neither_too_many_nor_too_much(sizes in prop::collection::vec(0_usize..400, 0..40)) {
        let room = Arc::new(Room::new(10, 1000));
        let mut places = Vec::new();
        let mut bytes = 0;
        for size in sizes {
            let fits = places.len() < 10 && bytes + size <= 1000;
            let place = room.take(size);
            prop_assert_eq!(place.is_some(), fits);
            if let Some((place, count)) = place {
                prop_assert_eq!(count, places.len() + 1);
                bytes += size;
                places.push(place);
            }
            prop_assert_eq!((room.count(), room.bytes()), (places.len(), bytes));
        }
        drop(places);
        prop_assert_eq!((room.count(), room.bytes()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_end_counts_and_a_later_does_not() {
    let (stop, started) = (Stop::new(), Instant::now());
    let second = Duration::from_secs(1);

    assert!(timeout(second * 100, stop.has_come()).await.is_err());
    let started = started + second * 100;
    stop.at(started + second * 10);
    let waits = stop.clone();
    let waits = tokio::spawn(async move { waits.has_come().await });
    tokio::task::yield_now().await;
    stop.at(started + second * 20);
    stop.at(started + second * 5);
    waits.await.unwrap();
    assert_eq!(started.elapsed(), second * 5);
}
