//! What layers count by themselves, read when it is collected.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use portcullis_core::{CountFamily, CountSources, Counts};

/// An instrument for each name that is counted.
pub(super) struct Counted {
    meter: Meter,
    shared: Arc<Shared>,
}

/// What the callbacks of instruments share. Not the meter, which holds the callbacks.
#[derive(Default)]
struct Shared {
    sources: CountSources,
    page: Mutex<Page>,
    /// A name came up that has no instrument. It can't get one while it is collected: the SDK holds a
    /// lock then.
    has_new: AtomicBool,
}

/// What was counted at the last collection.
#[derive(Default)]
struct Page {
    families: BTreeMap<&'static str, CountFamily>,
    /// Who read it. Who reads it again collects anew.
    read: HashSet<&'static str>,
    registered: HashSet<&'static str>,
}

// ===== impl Counted =====

impl Counted {
    pub(super) fn new(meter: Meter) -> Self {
        Self {
            meter,
            shared: Arc::default(),
        }
    }

    pub(super) fn add(&self, source: Arc<dyn Counts>) {
        self.shared.sources.add(source);
        self.register();
    }

    /// Creates instruments for names that came up since.
    #[inline]
    pub(super) fn register_new(&self) {
        if self.shared.has_new.load(Relaxed) {
            self.register();
        }
    }

    #[cold]
    fn register(&self) {
        self.shared.has_new.store(false, Relaxed);
        let families = self.shared.sources.families();
        for (name, family) in families {
            // Not under the lock, which callbacks take.
            let is_new = self.shared.page().registered.insert(name);
            if is_new {
                self.register_one(name, &family);
            }
        }
    }

    fn register_one(&self, name: &'static str, family: &CountFamily) {
        let shared = Arc::clone(&self.shared);
        let read = move |instrument: &dyn AsyncInstrument<u64>| shared.read(name, instrument);
        if family.is_total {
            let counter = self.meter.u64_observable_counter(dotted(name));
            let counter = counter.with_description(family.help);
            let _: opentelemetry::metrics::ObservableCounter<u64> =
                counter.with_callback(read).build();
        } else {
            let gauge = self.meter.u64_observable_gauge(dotted(name));
            let gauge = gauge.with_description(family.help);
            let _: opentelemetry::metrics::ObservableGauge<u64> = gauge.with_callback(read).build();
        }
    }
}

// ===== impl Shared =====

impl Shared {
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Observes the series of a name. All names of one collection are read from one page.
    fn read(&self, name: &'static str, instrument: &dyn AsyncInstrument<u64>) {
        let mut page = self.page();
        if page.read.is_empty() || !page.read.insert(name) {
            page.families = self.sources.families();
            page.read.clear();
            page.read.insert(name);
            let mut names = page.families.keys();
            let has_new = names.any(|name| !page.registered.contains(name));
            self.has_new.store(has_new, Relaxed);
        }
        let family = page.families.get(name);
        for (labels, value) in family.iter().flat_map(|family| &family.series) {
            let labels = labels.iter();
            let attributes = labels.map(|(name, value)| KeyValue::new(*name, value.clone()));
            instrument.observe(*value, &attributes.collect::<Vec<_>>());
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

/// Returns `portcullis.rate_limit_refused` for `portcullis_rate_limit_refused`.
fn dotted(name: &'static str) -> String {
    name.replacen("portcullis_", "portcullis.", 1)
}
