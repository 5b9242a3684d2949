//! A look-up whose work is the same for every id, known or not.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{KeyRecord, key::LONGEST_ID};

/// Records by id. A look-up visits the same number of places in as many cache lines, and some record,
/// whatever is there: how long it takes says nothing of which ids there are.
pub(super) struct Table {
    hasher: RandomState,
    buckets: Box<[Bucket]>,
    /// The first is nobody's.
    entries: Box<[Entry]>,
}

/// Places for ids that hash alike: two cache lines.
#[derive(Clone, Default)]
#[repr(align(128))]
struct Bucket([Place; WAYS]);

#[derive(Clone, Copy, Default)]
struct Place {
    fingerprint: u64,
    /// The number of an entry; 0 is nobody's.
    entry: u32,
}

#[repr(align(64))]
struct Entry {
    id: Id,
    record: KeyRecord,
}

/// An id, filled up with zeros, which no id has.
type Id = [u8; LONGEST_ID];

// ===== impl Table =====

impl Table {
    /// Creates a table. Of records with one id the last counts.
    pub(super) fn new(records: impl IntoIterator<Item = (Box<str>, KeyRecord)>) -> Self {
        let mut sorted: Vec<_> = records.into_iter().collect();
        // Of equals the one that was last is first then, and kept.
        sorted.reverse();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        sorted.dedup_by(|(one, _), (other, _)| one == other);
        let nobody = Entry::new("", KeyRecord::nobody());
        let known = sorted.into_iter();
        let known = known.map(|(id, record)| Entry::new(&id, record.of(&id)));
        Self::placed([nobody].into_iter().chain(known).collect())
    }

    /// Finds a hash by which every id has a place. Most often the first does.
    fn placed(entries: Box<[Entry]>) -> Self {
        let mut size = entries.len().next_power_of_two();
        loop {
            for _ in 0..TRIES {
                let hasher = RandomState::default();
                if let Some(buckets) = place(&hasher, &entries, size) {
                    return Self {
                        hasher,
                        buckets,
                        entries,
                    };
                }
            }
            size *= 2;
        }
    }

    /// Returns the record of an id, or that of nobody.
    #[inline]
    pub(super) fn find(&self, id: &str) -> KeyRecord {
        let id = padded(id);
        let fingerprint = fingerprint(&self.hasher, &id);
        let mut found = 0;
        for place in &self.buckets[bucket(fingerprint, self.buckets.len())].0 {
            let is_it = place.fingerprint.ct_eq(&fingerprint);
            found.conditional_assign(&place.entry, is_it);
        }
        // Who is not known is somebody else, whose record is looked at, and doesn't open.
        found.conditional_assign(&self.other(fingerprint), found.ct_eq(&0));
        let entry = &self.entries[found as usize];
        entry.record.clone().known_if(same(&entry.id, &id))
    }

    /// Returns the number of any entry.
    #[inline]
    fn other(&self, fingerprint: u64) -> u32 {
        let upper = fingerprint >> 32;
        ((upper * self.entries.len() as u64) >> 32) as u32
    }

    /// Returns ids and records, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &KeyRecord)> {
        let known = self.entries.iter().skip(1);
        known.map(|entry| (text(&entry.id), &entry.record))
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len() - 1
    }
}

// ===== impl Entry =====

impl Entry {
    fn new(id: &str, record: KeyRecord) -> Self {
        let id = padded(id);
        Self { id, record }
    }
}

fn place(hasher: &RandomState, entries: &[Entry], size: usize) -> Option<Box<[Bucket]>> {
    let mut buckets = vec![Bucket::default(); size];
    for (number, Entry { id, .. }) in (0..).zip(entries).skip(1) {
        let fingerprint = fingerprint(hasher, id);
        let Bucket(places) = &mut buckets[bucket(fingerprint, size)];
        if places.iter().any(|place| place.fingerprint == fingerprint) {
            return None;
        }
        let free = places.iter_mut().find(|place| place.entry == 0)?;
        *free = Place {
            fingerprint,
            entry: number,
        };
    }
    Some(buckets.into())
}

#[inline]
fn fingerprint(hasher: &RandomState, id: &Id) -> u64 {
    // Of a length that is always the same.
    hasher.hash_one(id)
}

/// There are a power of two.
#[inline]
const fn bucket(fingerprint: u64, buckets: usize) -> usize {
    fingerprint as usize & (buckets - 1)
}

#[inline]
fn same(one: &Id, other: &Id) -> Choice {
    let (one, _) = one.as_chunks::<8>();
    let (other, _) = other.as_chunks::<8>();
    let words = one.iter().zip(other);
    let differ = words.fold(0, |so_far, (one, other)| {
        so_far | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))
    });
    differ.ct_eq(&0)
}

#[inline]
fn padded(id: &str) -> Id {
    let mut padded = [0; LONGEST_ID];
    let length = id.len().min(LONGEST_ID);
    padded[..length].copy_from_slice(&id.as_bytes()[..length]);
    padded
}

fn text(id: &Id) -> &str {
    let length = id.iter().position(|byte| *byte == 0);
    let text = &id[..length.unwrap_or(LONGEST_ID)];
    std::str::from_utf8(text).unwrap_or_default()
}

const WAYS: usize = 8;
const TRIES: usize = 4;

#[cfg(test)]
mod tests {
    use portcullis_core::Principal;
    use proptest::prelude::*;

    use super::*;
    use crate::api_key::KeyDigest;

    fn table(ids: &[String]) -> Table {
        let record = |id: &String| {
            let principal = Principal::new(id.as_str());
            (
                id.as_str().into(),
                KeyRecord::new(KeyDigest::from_secret(id), principal),
            )
        };
        Table::new(ids.iter().map(record))
    }

    #[test]
    fn of_records_with_one_id_the_last_counts() {
        let record = |name: &str| KeyRecord::new(KeyDigest::NONE, Principal::new(name));
        let table = Table::new([("a".into(), record("first")), ("a".into(), record("last"))]);

        assert_eq!(table.len(), 1);
        assert_eq!(table.find("a").principal().id(), "last");
    }

    #[test]
    fn a_hundred_thousand_are_found() {
        let ids: Vec<_> = (0..100_000).map(|number| format!("key{number}")).collect();
        let table = table(&ids);

        assert!(ids.iter().all(|id| table.find(id).principal().id() == id));
        assert!((0..100_000).all(|number| !table.find(&format!("no{number}")).is_known()));
        assert!(table.buckets.len() <= 1 << 17, "16 MiB");
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(ids in prop::collection::hash_set("[a-c0-2]{1,4}", 0..40), other in "[a-c0-2]{1,4}") {
            let list: Vec<_> = ids.iter().cloned().collect();
            let table = table(&list);

            prop_assert_eq!(table.len(), ids.len());
            prop_assert_eq!(table.find(&other).is_known(), ids.contains(&other));
            for id in &ids {
                let record = table.find(id);
                prop_assert_eq!(record.principal().id(), id);
            }
        }
    }
}
