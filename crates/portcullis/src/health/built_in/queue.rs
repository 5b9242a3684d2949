use crate::health::{check::Check, vitals::Threshold};

impl Check {
    /// Creates a check of a queue, which is degraded above a part of its bound, such as 0.9, and with
    /// `(0.9, 0.99)` fails above the second. The closure returns how much waits, and the bound; a bound
    /// of 0 is full. Looked at each second.
    ///
    /// ```
    /// use portcullis::{Health, health::Check};
    /// # let (sender, _receiver) = tokio::sync::mpsc::channel::<()>(100);
    ///
    /// let jobs = Check::queue_depth("jobs", 0.9, move || {
    ///     let bound = sender.max_capacity();
    ///     (bound - sender.capacity(), bound)
    /// });
    /// let health = Health::new().add_check(jobs);
    /// # let _ = health;
    /// ```
    pub fn queue_depth(
        name: &str,
        at_most: impl Into<Threshold>,
        depth: impl Fn() -> (usize, usize) + Send + Sync + 'static,
    ) -> Self {
        let at_most = at_most.into();
        let check = Self::of_itself(name, move || {
            let (depth, bound) = depth();
            let level = if bound == 0 {
                1.0
            } else {
                depth as f64 / bound as f64
            };
            at_most.check(level)
        });
        check.with_threshold(at_most, 1.0)
    }

    pub(super) fn with_threshold(mut self, threshold: Threshold, most: f64) -> Self {
        let is_right = threshold.is_right(most);
        self.wants(is_right, || {
            format!("{threshold}: levels are from 0 to {most} and follow each other")
        });
        self
    }
}
