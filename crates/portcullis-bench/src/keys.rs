//! API keys: what a look costs, and that it costs the same whatever is wrong.

use std::{collections::HashMap, hint::black_box};

use axum::http::{HeaderName, HeaderValue, Request, request::Parts};
use portcullis::{
    Guard, ManualClock, Principal, Reply,
    api_key::{ApiKey, ApiKeyGuard, KeyRecord, KeySecret, Keys},
};
use sha2::{Digest, Sha256};

use crate::stack::{Stack, Step};

/// A guard, and a key that has one secret of each kind.
pub(crate) struct Door {
    guard: ApiKeyGuard,
    open: ApiKey,
    early: ApiKey,
    expired: ApiKey,
    revoked: ApiKey,
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

// ===== impl Door =====

impl Door {
    #[expect(clippy::expect_used, reason = "a key of our own form")]
    pub(crate) fn new(others: usize) -> Self {
        let key = || ApiKey::generate_with_id("pk", ID).expect("an id");
        let (open, early, expired, revoked) = (key(), key(), key(), key());
        let secrets = [
            KeySecret::new(open.digest()),
            KeySecret::new(early.digest()).not_before(NOW + 1),
            KeySecret::new(expired.digest()).expires(NOW),
            KeySecret::new(revoked.digest()).revoked(),
        ];
        let record = KeyRecord::try_new(Principal::new(ID), secrets).expect("four secrets");
        let others: Vec<_> = (0..others)
            .map(|number| format!("key{number:09}"))
            .collect();
        let ids = others.iter().map(String::as_str).chain([ID]);
        let keys = Keys::default();
        let added = keys.extend(ids.map(|id| (id, record.clone())));
        added.expect("ids");
        Self {
            guard: ApiKeyGuard::new(keys).with_clock(&ManualClock::new(NOW)),
            open,
            early,
            expired,
            revoked,
        }
    }

    /// Returns a key that is wrong in one way.
    pub(crate) fn text(&self, wrong: Wrong) -> String {
        let open = self.open.expose();
        match wrong {
            Wrong::Nothing => open.to_owned(),
            Wrong::Form => open.to_owned() + "0",
            Wrong::Id => signed(&open.replacen(ID, "nobody000001", 1)),
            Wrong::Early => self.early.expose().to_owned(),
            Wrong::Expired => self.expired.expose().to_owned(),
            Wrong::Revoked => self.revoked.expose().to_owned(),
            Wrong::Secret(at) => signed(&changed(open, at)),
        }
    }

    pub(crate) const fn guard(&self) -> &ApiKeyGuard {
        &self.guard
    }

    pub(crate) fn judge(&self, parts: &mut Parts, reply: &mut Reply) -> bool {
        self.guard.admit(parts, reply).is_admit()
    }
}

/// Returns a request with a key.
#[expect(clippy::expect_used, reason = "a key of our own form")]
pub(crate) fn request(key: &str) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    let value = HeaderValue::from_str(key).expect("a key");
    parts.headers.insert(X_API_KEY, value);
    parts
}

fn right(keys: usize) -> Step {
    let door = Door::new(keys);
    let mut parts = request(&door.text(Wrong::Nothing));
    let mut reply = Reply::default();
    Box::new(move || assert!(door.judge(black_box(&mut parts), &mut reply)))
}

fn wrong(wrong: Wrong) -> Step {
    let door = Door::new(10);
    let mut parts = request(&door.text(wrong));
    let mut reply = Reply::default();
    Box::new(move || assert!(!door.judge(black_box(&mut parts), &mut reply)))
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

/// In static memory: where a copy of it lies on the heap changes what comparing it takes.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const NOW: u64 = 1_800_000_000;
const ID: &str = "alice0000001";
const CHECKSUM: usize = 6;
const TAIL: usize = 43 + CHECKSUM;
const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
