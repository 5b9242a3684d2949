use std::{
    collections::HashMap,
    convert::Infallible,
    num::NonZeroU32,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use portcullis_core::Quota;
use proptest::prelude::*;

use crate::rate_limit::{
    Key,
    rate::Rate,
    store::{Spend, Store},
    table::Table,
};

const NEVER: u64 = u64::MAX >> 2;

/// Places of a set.
const WAYS: u64 = 10;

/// Spreads small numbers over all bits.
fn hash(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Makes a key owe until `until`, and says until when it did before.
fn owe(table: &Table, n: u64, now: u64, until: u64) -> u64 {
    let next = |before: u64| Ok::<_, Infallible>((before, until.max(before)));
    let Ok(before) = table.replace(hash(n), || now, next);
    before
}

#[test]
fn a_million_keys_take_sixteen_mebibytes() {
    let table = Table::new(1 << 20);

    assert!(table.bytes() <= 16 << 20, "{}", table.bytes());
    for n in 0..1 << 20 {
        owe(&table, n, 1, NEVER);
    }
    // Those whose set was full share a number, and are counted.
    assert!((0..1 << 20).all(|n| table.read(hash(n)) == NEVER));
    let shared = table.overflows();
    assert!(shared * 100 < 6 << 20, "{shared} of a million share");
}

#[test]
fn the_smallest_table_has_places() {
    let table = Table::new(0);

    assert_eq!(owe(&table, 1, 1, 100), 0);
    assert_eq!(owe(&table, 1, 1, 101), 100);
}

#[test]
fn who_finds_room_owes_what_it_owed_without() {
    let table = Table::new(0);
    for n in 1..=WAYS {
        owe(&table, n, 1, 100);
    }
    assert_eq!(owe(&table, 99, 1, 200), 0, "it shares a number");

    assert_eq!(table.read(hash(99)), 200);
    assert_eq!(owe(&table, 99, 101, 300), 200, "and has a place now");
    assert_eq!(owe(&table, 99, 301, 400), 300);
}

#[test]
fn what_is_given_back_never_frees_a_place() {
    let table = Table::new(0);
    owe(&table, 1, 1, 100);
    table.lower(hash(1), 1, 30);
    assert_eq!(table.read(hash(1)), 70);
    table.lower(hash(1), 50, 30);
    assert_eq!(table.read(hash(1)), 51);
    table.lower(hash(1), 80, 30);
    assert_eq!(table.read(hash(1)), 51, "what is past stays");
    table.lower(hash(2), 1, 30);
    assert_eq!(table.read(hash(2)), 0, "of nobody nothing");
}

#[test]
fn a_flood_evicts_nobody_who_owes() {
    let table = Table::new(1024);
    owe(&table, 0, 1, NEVER);
    for n in 1..1_000_000 {
        owe(&table, n, 1, NEVER);
    }

    assert_eq!(table.read(hash(0)), NEVER);
    assert!(table.overflows() > 900_000);
}

#[test]
fn who_owes_nothing_makes_room() {
    let table = Table::new(16);
    for now in 1..100_000 {
        owe(&table, now, now, now + 1);
    }

    assert_eq!(table.overflows(), 0);
}

#[test]
fn keys_of_a_full_set_share_a_number_until_there_is_room() {
    let table = Table::new(0);
    for n in 0..WAYS {
        owe(&table, n, 1, 100);
    }

    assert_eq!(owe(&table, WAYS, 1, 50), 0);
    assert_eq!(
        owe(&table, WAYS + 1, 1, 60),
        50,
        "shared with the one before"
    );
    assert_eq!(table.overflows(), 2);
    assert_eq!(
        owe(&table, WAYS + 2, 100, 200),
        100,
        "a place that is free again"
    );
    assert_eq!(table.overflows(), 2);
}

/// A set is small, keys come and go, time passes: every key's spending is where it was left, or
/// was due.
#[test]
fn threads_that_fight_for_one_set_lose_nothing() {
    const KEYS: u64 = 8;
    const THREADS: u64 = 4;
    const SPENDINGS: u64 = 100_000;
    let table = Table::new(0);
    let start = Barrier::new(THREADS as usize);

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (table, start) = (&table, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..SPENDINGS {
                    let key = hash((n + thread) % KEYS);
                    let next = |before| Ok::<_, Infallible>(((), before + 1));
                    let Ok(()) = table.replace(key, || 0, next);
                }
            });
        }
    });

    let spent: u64 = (0..KEYS).map(|n| table.read(hash(n))).sum();
    assert_eq!(spent, THREADS * SPENDINGS);
    assert_eq!(table.overflows(), 0);
}

/// Round after round other keys take places over, all at once and from all threads. Each key's
/// times have a remainder of their own: who finds a time that is not due, of another key, spends
/// what is not its own.
#[test]
fn places_change_hands_and_every_spending_is_its_own() {
    const KEYS: u64 = 8;
    // More than there are places: some come back and find theirs, or just do not.
    const OWNERS: u64 = 12;
    const SPENDINGS: u64 = 5;
    const THREADS: u64 = 4;
    let (table, strange) = (Table::new(0), AtomicU64::new(0));
    let (begun, done) = (
        Barrier::new(THREADS as usize),
        Barrier::new(THREADS as usize),
    );
    let begin = |round: u64| round * 1_000_000;
    let spend = |round: u64, key: u64| {
        let (now, first) = (begin(round), begin(round) + KEYS + key);
        let next = |before: u64| match before > now {
            false => Ok::<_, Infallible>(((), first)),
            true if before % KEYS == key => Ok(((), before + KEYS)),
            true => {
                strange.fetch_add(1, Relaxed);
                Ok(((), before))
            }
        };
        let Ok(()) = table.replace(hash((round * 5 + key) % OWNERS), || now, next);
    };
    let check = |round: u64, key: u64| {
        let spent = table
            .read(hash((round * 5 + key) % OWNERS))
            .wrapping_sub(begin(round) + key);
        let is_wrong = spent != THREADS * SPENDINGS * KEYS;
        strange.fetch_add(u64::from(is_wrong), Relaxed);
    };

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (begun, done, spend, check) = (&begun, &done, &spend, &check);
            scope.spawn(move || {
                for round in 1..5_000 {
                    begun.wait();
                    for n in 0..KEYS * SPENDINGS {
                        spend(round, (n * 3 + thread) % KEYS);
                    }
                    done.wait();
                    (0..KEYS).for_each(|key| check(round, key));
                }
            });
        }
    });
    assert_eq!((table.overflows(), strange.load(Relaxed)), (0, 0));
}

/// As many keys as there are places and more, and all of them new all the time: whoever finds its
/// key again finds all that was spent, and no key is there twice.
#[test]
fn a_new_key_gets_one_place_however_many_ask_for_it() {
    for round in 0..3_000 {
        let table = Table::new(0);
        // Places of unequal age, so that there is something to choose.
        for n in 0..WAYS {
            owe(&table, 1_000 + n, 0, 1 + (n + round) % 5);
        }
        let admitted = AtomicU64::new(0);
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (table, admitted, start) = (&table, &admitted, &start);
                scope.spawn(move || {
                    start.wait();
                    // Clocks that disagree about who owes something.
                    let now = 3 + thread;
                    let first = table.replace(
                        hash(round),
                        || now,
                        |before| {
                            if before <= now {
                                Ok(((), NEVER))
                            } else {
                                Err(())
                            }
                        },
                    );
                    admitted.fetch_add(u64::from(first.is_ok()), Relaxed);
                });
            }
        });
        assert_eq!(
            admitted.into_inner() - table.overflows().min(1),
            1,
            "round {round}"
        );
    }
}

#[test]
fn one_key_on_all_cores_is_never_admitted_once_too_often() {
    const THREADS: usize = 64;
    let store = Arc::new(Store::new(1024));
    let rate = Rate::new(Quota::per_second(1000).burst(500), Arc::clone(&store));
    let clock = AtomicU64::new(0);
    let admitted = AtomicU64::new(0);
    let start = Barrier::new(THREADS);

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                let hash = store.hash(&Key::from_name("hog"));
                for _ in 0..5_000 {
                    let now = clock.fetch_add(1_000, Relaxed);
                    let spent = rate.spend(&Spend::new(hash, 0, now), NonZeroU32::MIN);
                    admitted.fetch_add(u64::from(spent.is_ok()), Relaxed);
                }
            });
        }
    });

    let passed = clock.into_inner();
    let most = 500 + passed / 1_000_000;
    let admitted = admitted.into_inner();
    assert!(admitted <= most, "{admitted} of {most}");
    assert!(admitted >= most - 1, "{admitted} of {most}");
}

proptest! {
    #[test]
    fn a_key_finds_what_it_left(steps in prop::collection::vec((0..300_u64, 1..50_u64), 1..500)) {
        let table = Table::new(1 << 12);
        let mut left: HashMap<u64, u64> = HashMap::new();
        for (n, more) in steps {
            let until = left.get(&n).copied().unwrap_or(1) + more;
            prop_assert_eq!(owe(&table, n, 1, until), left.get(&n).copied().unwrap_or(0));
            left.insert(n, until);
        }
        for (n, until) in left {
            prop_assert_eq!(table.read(hash(n)), until);
        }
    }
}
