use super::bounds::Bounds;

/// What a guard was told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) bounds: Bounds,
    pub(super) follows_latency: bool,
}
