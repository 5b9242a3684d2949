//! API keys: what a look costs, and that it costs the same whatever is wrong.

use std::{collections::HashMap, hint::black_box};

use axum::http::{HeaderValue, Request, request::Parts};
use portcullis::{
    Guard, ManualClock, Principal, Reply,
    api_key::{ApiKey, ApiKeyGuard, KeyRecord, KeySecret, Keys},
};
use sha2::{Digest, Sha256};

use crate::stack::{Stack, Step};

/// A guard, and requests that it judges.
pub(crate) struct Door {
    guard: ApiKeyGuard,
    key: ApiKey,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrong {
    Nothing,
    /// The secret, from this letter on.
    Secret(usize),
    Id,
    Early,
    Expired,
    Revoked,
    /// The checksum.
    Form,
}

/// One SHA-256 over 40 bytes and one look-up in a hash map: what a key costs at least.
pub(crate) const BARE: &str = "bare SHA-256 and look-up";
pub(crate) const HIT: &str = "API key, 10 keys";
pub(crate) const HIT_OF_MANY: &str = "API key, 100,000 keys";

/// The steps of the table of costs.
pub(crate) const COSTS: [Stack; 4] = [
    Stack::step(
        BARE,
        "SHA-256 over 40 bytes, and `HashMap::get` among 100,000 names",
        bare,
    ),
    Stack::step(HIT, "a right key, the guard alone", || right(10)),
    Stack::step(HIT_OF_MANY, "the same", || right(100_000)),
    Stack::step(
        "API key, malformed",
        "a wrong checksum, the guard alone",
        || wrong(Wrong::Form),
    ),
];

/// The steps that must cost the same, to the instruction.
pub(crate) const SAME: [Stack; 7] = [
    Stack::step("wrong from the first letter", "", || {
        wrong(Wrong::Secret(0))
    }),
    Stack::step("wrong from the middle", "", || wrong(Wrong::Secret(21))),
    Stack::step("wrong in the last letter", "", || wrong(Wrong::Secret(42))),
    Stack::step("unknown id", "", || wrong(Wrong::Id)),
    Stack::step("not valid yet", "", || wrong(Wrong::Early)),
    Stack::step("expired", "", || wrong(Wrong::Expired)),
    Stack::step("revoked", "", || wrong(Wrong::Revoked)),
];

/// What a key may be in.
#[derive(Clone, Copy)]
enum State {
    Open,
    Early,
    Expired,
    Revoked,
}

// ===== impl Door =====

impl Door {
    #[expect(clippy::expect_used, reason = "a key of our own form")]
    pub(crate) fn new(keys: usize) -> Self {
        let made = |id: &str| ApiKey::generate_with_id("pk", id).expect("an id");
        let all = Keys::default();
        let many = Keys::default();
        let others = (0..keys).map(|number| made(&format!("key{number:09}")));
        let others = others.fold(String::new(), |text, key| {
            text + &format!("sha256:{}:{},", key.id(), key.digest().to_hex())
        });
        let many = many.or_parse(&others).expect("digests");
        all.replace(&many);
        let key = made(&id(State::Open, 0));
        for state in [State::Open, State::Early, State::Expired, State::Revoked] {
            for number in 0..SOME {
                let id = id(state, number);
                let secret = KeySecret::new(key.digest());
                let secret = match state {
                    State::Open => secret,
                    State::Early => secret.not_before(NOW + 1),
                    State::Expired => secret.expires(NOW),
                    State::Revoked => secret.revoked(),
                };
                let record = KeyRecord::try_new(Principal::new(&*id), [secret]);
                all.insert(&id, record.expect("one secret")).expect("an id");
            }
        }
        Self {
            guard: ApiKeyGuard::new(all).with_clock(&ManualClock::new(NOW)),
            key,
        }
    }

    /// Returns one of [`SOME`] keys that are wrong in one way.
    pub(crate) fn text(&self, wrong: Wrong, number: usize) -> String {
        let text = self.key.expose();
        let own = self.key.id();
        let with_id = |id: &str| signed(&text.replacen(own, id, 1));
        match wrong {
            Wrong::Nothing => with_id(&id(State::Open, number)),
            Wrong::Form => text.to_owned() + "0",
            Wrong::Id => with_id(&format!("nobody{number:06}")),
            Wrong::Early => with_id(&id(State::Early, number)),
            Wrong::Expired => with_id(&id(State::Expired, number)),
            Wrong::Revoked => with_id(&id(State::Revoked, number)),
            Wrong::Secret(at) => {
                let text = with_id(&id(State::Open, number));
                signed(&changed(&text, at))
            }
        }
    }

    pub(crate) fn judge(&self, parts: &mut Parts) -> bool {
        let verdict = self.guard.admit(parts, &mut Reply::default());
        verdict.is_admit()
    }
}

/// Returns a request with a key.
#[expect(clippy::expect_used, reason = "a key of our own form")]
pub(crate) fn request(key: &str) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    let value = HeaderValue::from_str(key).expect("a key");
    parts.headers.insert("x-api-key", value);
    parts
}

/// All are of one length.
fn id(state: State, number: usize) -> String {
    let state = match state {
        State::Open => "open",
        State::Early => "early",
        State::Expired => "late",
        State::Revoked => "gone",
    };
    format!("{state}{number:0>width$}", width = 12 - state.len())
}

fn right(keys: usize) -> Step {
    let door = Door::new(keys);
    let mut parts = request(&door.text(Wrong::Nothing, 0));
    Box::new(move || assert!(door.judge(black_box(&mut parts))))
}

fn wrong(wrong: Wrong) -> Step {
    let door = Door::new(10);
    let mut parts = request(&door.text(wrong, 0));
    Box::new(move || assert!(!door.judge(black_box(&mut parts))))
}

fn bare() -> Step {
    let names: HashMap<String, u64> = (0..100_000).map(|n| (format!("key{n:09}"), n)).collect();
    let (text, name) = ([7; 40], "key000050000");
    Box::new(move || {
        black_box(Sha256::digest(black_box(&text)));
        black_box(names.get(black_box(name)));
    })
}

/// A secret whose letters are others from one on.
fn changed(text: &str, from: usize) -> String {
    let start = text.len() - TAIL + from;
    let end = text.len() - CHECKSUM;
    let other = |letter| if letter == 'a' { 'b' } else { 'a' };
    let changed: String = text[start..end].chars().map(other).collect();
    format!("{}{changed}{}", &text[..start], &text[end..])
}

/// A text with the checksum that it must have.
fn signed(text: &str) -> String {
    let body = &text[..text.len() - CHECKSUM];
    let mut left = crc32fast::hash(body.as_bytes());
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[left as usize % BASE62.len()];
        left /= BASE62.len() as u32;
    }
    body.to_owned() + &String::from_utf8_lossy(&digits)
}

const NOW: u64 = 1_800_000_000;
/// Keys of each state.
pub(crate) const SOME: usize = 64;
const CHECKSUM: usize = 6;
const TAIL: usize = 43 + CHECKSUM;
const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
