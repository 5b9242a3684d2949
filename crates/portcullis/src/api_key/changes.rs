//! What is different between two readings of a file.

use std::collections::HashMap;

use super::{KeyChange, KeyRecord};

type Entry = (Box<str>, KeyRecord);

/// Returns what has changed from one set of keys to another, by their ids.
pub(super) fn changes(before: &[Entry], after: &[Entry]) -> Vec<KeyChange> {
    let old: HashMap<_, _> = before.iter().map(|(id, record)| (id, record)).collect();
    let new: HashMap<_, _> = after.iter().map(|(id, record)| (id, record)).collect();
    let mut changes = Vec::new();
    for (id, record) in after {
        match old.get(id) {
            None => changes.push(KeyChange::Added(id.clone())),
            Some(known) if record.revocations() > known.revocations() => {
                changes.push(KeyChange::Revoked(id.clone()));
            }
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(id, _)| !new.contains_key(id));
    changes.extend(gone.map(|(id, _)| KeyChange::Removed(id.clone())));
    changes
}
