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

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}
