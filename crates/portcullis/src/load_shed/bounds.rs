use portcullis_core::ConfigError;

/// Between which numbers a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: u32,
    pub(super) initial: u32,
    pub(super) max: u32,
}

// ===== impl Bounds =====

impl Bounds {
    /// A limit that stays as it is.
    pub(super) const fn fixed(most: u32) -> Self {
        Self {
            min: most,
            initial: most,
            max: most,
        }
    }

    pub(super) fn try_new(min: u32, initial: u32, max: u32) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        if min == 0 {
            problems.push("load shed: a limit of 0 refuses everything".to_owned());
        }
        if initial < min {
            problems.push(format!(
                "load shed: the initial limit {initial} is below the lowest, {min}"
            ));
        }
        if initial > max {
            problems.push(format!(
                "load shed: the initial limit {initial} is above the highest, {max}"
            ));
        }
        ConfigError::check(problems)?;
        Ok(Self { min, initial, max })
    }

    /// Returns what is left while a signal says that there is too much: an eighth of a fixed limit.
    pub(super) fn floor(self) -> u32 {
        if self.min < self.max {
            self.min
        } else {
            self.min.div_ceil(8)
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            min: 4,
            initial: 128,
            max: 10_000,
        }
    }
}
