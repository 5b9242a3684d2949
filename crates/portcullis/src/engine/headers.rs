use std::{collections::HashSet, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, Entry},
};
use portcullis_core::{Guard, Reply};

/// The headers that every response begins with.
///
/// A copy of a map is cheaper than as many insertions into one.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    headers: HeaderMap,
    /// The first fields, which only have a place.
    places: Vec<HeaderName>,
    /// Fields of the application that go.
    strips: Names,
    /// Defaults that give way to other fields.
    yields: Vec<(HeaderName, Vec<HeaderName>)>,
    /// Whether they are of the engine's own answers: refusals, and what guards answer.
    is_of_answers: bool,
}

/// Names that a name is quickly found not to be of.
#[derive(Clone, Debug, Default)]
struct Names {
    /// A bit for each length that a name has, and for each letter that one begins with.
    lengths: u64,
    letters: u64,
    names: Vec<HeaderName>,
}

// ===== impl Template =====

impl Template {
    /// Creates what responses begin with, with places for some fields of the engine's own.
    pub(super) fn new(guards: &[Arc<dyn Guard>], own: &[HeaderName]) -> Self {
        let defaults = defaults(guards);
        let mut places = Vec::new();
        if !defaults.is_empty() {
            places.extend(guards.iter().flat_map(Guard::writes));
            // The application's, and the server's.
            places.extend([CONTENT_TYPE, CONTENT_LENGTH]);
            places.extend_from_slice(own);
            let mut seen = HashSet::new();
            places.retain(|name| !defaults.contains_key(name) && seen.insert(name.clone()));
        }
        let mut headers = HeaderMap::with_capacity(ROOM);
        headers.extend(places.iter().map(|name| (name.clone(), VACANT)));
        headers.extend(defaults);
        Self {
            headers,
            places,
            yields: guards.iter().flat_map(Guard::yields).collect(),
            strips: Names::new(guards.iter().flat_map(Guard::strips).collect()),
            is_of_answers: false,
        }
    }

    /// Creates the same for the engine's own answers: what they keep out of caches, no guard puts
    /// there.
    pub(super) fn of_answers(guards: &[Arc<dyn Guard>], own: &[HeaderName]) -> Self {
        Self {
            is_of_answers: true,
            ..Self::new(guards, own)
        }
    }

    /// Returns a response's headers: the defaults, over them the application's own, and over all what
    /// guards wrote.
    #[inline]
    pub(super) fn complete(&self, own: &mut HeaderMap, reply: &mut Reply) {
        let is_never_stored = self.is_of_answers
            && own
                .get(CACHE_CONTROL)
                .is_some_and(|value| value == NO_STORE);
        if self.places.is_empty() {
            self.strips.remove_from(own);
            reply.apply(own, 0);
        } else {
            let mut headers = self.headers.clone();
            self.fill(&mut headers, own, reply);
            *own = headers;
        }
        if is_never_stored {
            own.insert(CACHE_CONTROL, NO_STORE);
        }
    }

    #[inline]
    fn fill(&self, headers: &mut HeaderMap, own: &mut HeaderMap, reply: &mut Reply) {
        for (name, _) in self.yields.iter().filter(|yields| gives_way(yields, own)) {
            headers.remove(name);
        }
        let mut filled = 0;
        // In the order in which they were added: nothing is looked up.
        for (name, value) in headers.iter_mut().take(self.places.len()) {
            let Some(written) = reply.written(filled, name) else {
                break;
            };
            *value = written;
            filled += 1;
        }
        let vacant = self.places.len() - filled - self.overlay(headers, own, filled);
        self.clear(headers, vacant);
        reply.apply(headers, filled);
    }

    /// Puts the application's headers over others, but for those that guards wrote into the first
    /// places. Returns how many places they filled.
    #[inline]
    fn overlay(&self, headers: &mut HeaderMap, own: &mut HeaderMap, written: usize) -> usize {
        let goes =
            |name: &HeaderName| self.strips.contains(name) || self.places[..written].contains(name);
        let has_lists = own.keys_len() < own.len();
        let mut filled = 0;
        let mut last = None;
        for (name, value) in own.drain() {
            match (name, &last) {
                (Some(name), _) if goes(&name) => last = None,
                (Some(name), _) => {
                    last = has_lists.then(|| name.clone());
                    let before = headers.insert(name, value);
                    filled += usize::from(before.is_some_and(|before| before == VACANT));
                }
                (None, Some(last)) => drop(headers.append(last, value)),
                (None, None) => {}
            }
        }
        filled
    }

    /// Takes out what nobody filled: most often the last one, the length, which the server knows.
    #[inline]
    fn clear(&self, headers: &mut HeaderMap, mut vacant: usize) {
        for name in self.places.iter().rev() {
            if vacant == 0 {
                return;
            }
            if let Entry::Occupied(entry) = headers.entry(name)
                && *entry.get() == VACANT
            {
                entry.remove();
                vacant -= 1;
            }
        }
    }
}

// ===== impl Names =====

impl Names {
    fn new(names: Vec<HeaderName>) -> Self {
        let all = |bit: fn(&HeaderName) -> u64| names.iter().map(bit).fold(0, |all, one| all | one);
        Self {
            lengths: all(Self::length),
            letters: all(Self::letter),
            names,
        }
    }

    #[inline]
    fn contains(&self, name: &HeaderName) -> bool {
        self.letters & Self::letter(name) != 0
            && self.lengths & Self::length(name) != 0
            && self.names.contains(name)
    }

    fn remove_from(&self, headers: &mut HeaderMap) {
        for name in &self.names {
            headers.remove(name);
        }
    }

    #[inline]
    fn length(name: &HeaderName) -> u64 {
        1 << name.as_str().len().min(63)
    }

    #[inline]
    fn letter(name: &HeaderName) -> u64 {
        let first = name.as_str().as_bytes().first();
        1 << (first.copied().unwrap_or(0) & 63)
    }
}

/// Returns `true` if a default gives way to one of the application's fields.
#[inline]
fn gives_way((name, others): &(HeaderName, Vec<HeaderName>), own: &HeaderMap) -> bool {
    own.keys().any(|own| others.contains(own)) && !own.contains_key(name)
}

/// Returns the defaults of guards. The outermost guard counts.
fn defaults(guards: &[Arc<dyn Guard>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in guards.iter().flat_map(Guard::defaults) {
        if let Some(Entry::Vacant(free)) = name.map(|name| headers.entry(name)) {
            free.insert(value);
        }
    }
    headers
}

/// Stands for a value that is still to be set. No field has it: a tab and a space are trimmed.
const VACANT: HeaderValue = HeaderValue::from_static(" \t ");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A map at its limit grows before it looks whether a name is there already.
const ROOM: usize = 24;
