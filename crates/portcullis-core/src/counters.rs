use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Something that counts what it does, for a page of metrics.
pub trait Counts: Send + Sync + 'static {
    /// Returns what was counted so far.
    fn counts(&self) -> Vec<Count>;
}

/// One number of a page of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// In snake case, with its unit and without `_total`: `portcullis_rate_limit_refused`.
    pub name: &'static str,
    /// What it counts: one sentence without its full stop.
    pub help: &'static str,
    /// Names and values of labels. Never what a client chooses.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
    /// Whether it only grows.
    pub is_total: bool,
    /// What counted it, if that was [said](Self::counted_by).
    pub source: Option<usize>,
}

/// Several [`Counts`] as one page of metrics. Clones share them.
///
/// What a source [counted](Count::counted_by) is there once, however many layers show it.
#[derive(Clone, Default)]
pub struct CountSources(Arc<Mutex<Vec<Arc<dyn Counts>>>>);

/// All [`Count`]s of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountFamily {
    /// What they count.
    pub help: &'static str,
    /// Whether they only grow.
    pub is_total: bool,
    /// The numbers by their labels. What several sources count with the same labels is added up to one
    /// number.
    pub series: BTreeMap<Vec<(&'static str, String)>, u64>,
}

// ===== impl Count =====

impl Count {
    /// Creates a number that only grows.
    #[must_use]
    pub const fn total(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name,
            help,
            labels: Vec::new(),
            value,
            is_total: true,
            source: None,
        }
    }

    /// Creates a number that goes up and down.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            is_total: false,
            ..Self::total(name, help, value)
        }
    }

    /// Sets what counted it, by its place in memory: what clones share, such as those of a guard in two
    /// edges. Where both show the number, it is there once.
    #[must_use]
    pub fn counted_by<T: ?Sized>(mut self, owner: &T) -> Self {
        self.source = Some(std::ptr::from_ref(owner).cast::<()>().addr());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

// ===== impl CountSources =====

impl CountSources {
    /// Adds a source.
    pub fn add(&self, source: Arc<dyn Counts>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
    }

    /// Returns what was counted so far, by name.
    #[must_use]
    pub fn families(&self) -> BTreeMap<&'static str, CountFamily> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not under the lock: a source may be of somebody else's making.
        let all = Vec::clone(&sources);
        drop(sources);
        let mut families = BTreeMap::new();
        let mut known = HashSet::new();
        for count in all.iter().flat_map(|source| source.counts()) {
            let is_known = |source| !known.insert((source, count.name, count.labels.clone()));
            if count.source.is_some_and(is_known) {
                continue;
            }
            let family = families.entry(count.name).or_insert_with(|| CountFamily {
                help: count.help,
                is_total: count.is_total,
                series: BTreeMap::new(),
            });
            let value = family.series.entry(count.labels).or_default();
            *value = value.saturating_add(count.value);
        }
        families
    }
}

impl fmt::Debug for CountSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountSources").finish_non_exhaustive()
    }
}
