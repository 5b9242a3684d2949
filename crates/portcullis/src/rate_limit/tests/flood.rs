use std::{fs, num::NonZeroU32, sync::Arc};

use portcullis_core::Quota;

use crate::rate_limit::{
    Key,
    rate::Rate,
    store::{Spend, Store},
};

const SECOND: u64 = 1_000_000_000;

/// What came of a flood.
#[derive(Debug, Default)]
struct Outcome {
    wrongly_refused: u32,
    polite: u32,
    hog: u32,
    strangers: u32,
    overflows: u64,
}

/// A flood of new clients on a table for a million, with time as the test says it is: 1,000 polite
/// clients send eight of their ten requests a second, a hog sends a thousand.
fn flood(strangers: u32, each_second: u64) -> Outcome {
    let store = Arc::new(Store::new(1 << 20));
    let rate = Rate::new(Quota::per_second(10), Arc::clone(&store));
    let hash = |name: String| store.hash(&Key::from_name(name));
    let polite: Vec<u64> = (0..1_000).map(|n| hash(format!("polite {n}"))).collect();
    let hog = hash("hog".to_owned());
    let spend = |hash, now| {
        let key = Spend::new(hash, 0, now);
        rate.spend(&key, NonZeroU32::MIN).is_ok()
    };
    let mut outcome = Outcome::default();
    let (mut next_polite, mut next_hog) = (0, 0);

    for n in 0..strangers {
        let now = SECOND + u64::from(n) * SECOND / each_second;
        while now >= SECOND + next_polite * SECOND / 8_000 {
            let client = polite[next_polite as usize % polite.len()];
            outcome.polite += 1;
            outcome.wrongly_refused += u32::from(!spend(client, now));
            next_polite += 1;
        }
        while now >= SECOND + next_hog * SECOND / 1_000 {
            outcome.hog += u32::from(spend(hog, now));
            next_hog += 1;
        }
        let address = std::net::Ipv4Addr::from(n.wrapping_mul(0x9e37_79b9));
        let stranger = store.hash(&Key::Network(address.into()));
        outcome.strangers += u32::from(spend(stranger, now));
    }
    outcome.overflows = store.overflows();
    outcome
}

/// Bytes of resident memory, without code.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<usize>().unwrap() * 1024
}

#[test]
fn ten_million_strangers_in_ten_seconds_harm_nobody() {
    drop(Store::new(1 << 20));
    let before = resident();
    let outcome = flood(10_000_000, 1_000_000);
    let grown = resident().saturating_sub(before);

    assert_eq!(outcome.wrongly_refused, 0, "{outcome:?}");
    assert_eq!(outcome.polite, 80_000);
    let quota = 10 + 10 * 10;
    assert!((quota - 1..=quota).contains(&outcome.hog), "{outcome:?}");
    assert_eq!(
        outcome.strangers, 10_000_000,
        "they are within their quotas"
    );
    assert!(grown <= (16 << 20) + (1 << 20), "{grown} bytes");
}

#[test]
fn more_strangers_than_there_is_room_for_share_and_let_the_hog_have_no_more() {
    let outcome = flood(3_000_000, 30_000_000);

    // A tenth of a second: its burst, and one.
    assert!(outcome.hog <= 11, "{outcome:?}");
    assert!(outcome.overflows > 1_000_000, "{outcome:?}");
}

/// For the record in `docs/adr`: how full a table of a million may be before a polite client
/// notices.
#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "prints a table")]
fn how_many_a_second_are_too_many() {
    for each_second in [1, 2, 4, 6, 8, 10, 12].map(|millions| millions * 1_000_000) {
        let outcome = flood(4 * each_second as u32, each_second);
        println!("{each_second}: {outcome:?}");
    }
}
