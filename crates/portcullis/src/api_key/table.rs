//! A look-up whose work is the same for every id, known or not.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{KeyRecord, key::LONGEST_ID};

/// Records by id. A look-up visits the same number of places, whatever is there: how long it takes says
/// nothing of which ids there are, nor of how many.
pub(super) struct Table {
    hasher: RandomState,
    /// By place, the number of a record; 0 is nobody's.
    places: Box<[Place]>,
    /// The first is nobody's.
    records: Box<[(Id, KeyRecord)]>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    fingerprint: u64,
    record: u32,
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
        let records: Box<[_]> = [([0; LONGEST_ID], KeyRecord::nobody())]
            .into_iter()
            .chain(sorted.into_iter().map(|(id, record)| (padded(&id), record)))
            .collect();
        Self::placed(records)
    }

    /// Finds a hash by which every record is near its place. Most often the first does.
    fn placed(records: Box<[(Id, KeyRecord)]>) -> Self {
        let mut size = (records.len() * 4).next_power_of_two();
        loop {
            for _ in 0..TRIES {
                let hasher = RandomState::default();
                if let Some(places) = place(&hasher, &records, size) {
                    return Self {
                        hasher,
                        places,
                        records,
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
        let start = start(fingerprint, self.places.len());
        let mut found = 0;
        for place in &self.places[start..start + WAYS] {
            let is_it = place.fingerprint.ct_eq(&fingerprint);
            found.conditional_assign(&place.record, is_it);
        }
        // Another id may have the same fingerprint.
        let (own, _) = &self.records[found as usize];
        found.conditional_assign(&0, !same(own, &id));
        self.records[found as usize].1.clone()
    }

    /// Returns ids and records, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &KeyRecord)> {
        let known = self.records.iter().skip(1);
        known.map(|(id, record)| (text(id), record))
    }

    pub(super) const fn len(&self) -> usize {
        self.records.len() - 1
    }
}

fn place(hasher: &RandomState, records: &[(Id, KeyRecord)], size: usize) -> Option<Box<[Place]>> {
    let mut places = vec![Place::default(); size + WAYS];
    for (number, (id, _)) in (0..).zip(records).skip(1) {
        let fingerprint = fingerprint(hasher, id);
        let start = start(fingerprint, places.len());
        let near = &mut places[start..start + WAYS];
        if near.iter().any(|place| place.fingerprint == fingerprint) {
            return None;
        }
        let free = near.iter_mut().find(|place| place.record == 0)?;
        *free = Place {
            fingerprint,
            record: number,
        };
    }
    Some(places.into())
}

#[inline]
fn fingerprint(hasher: &RandomState, id: &Id) -> u64 {
    // Of a length that is always the same.
    hasher.hash_one(id)
}

/// Where to begin: the last places are for those that begin there and find no free one.
#[inline]
const fn start(fingerprint: u64, places: usize) -> usize {
    fingerprint as usize & (places - WAYS - 1)
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

/// How far from its place a record may be.
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
        assert!(table.places.len() <= (1 << 20) + WAYS, "16 MiB");
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
