use super::{bounds::Bounds, partitions::Class, signals::Watched};

/// What a guard was told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) bounds: Bounds,
    pub(super) follows_latency: bool,
    pub(super) classes: Vec<Class>,
    pub(super) watched: Watched,
    /// How many may wait.
    pub(super) queue: usize,
}
