//! How long an attack waits for a server to give up.

use std::time::Duration;

use super::GRACE;
use crate::{
    Level,
    context::Context,
    profile::Expected,
    verdict::{Failure, Finding},
};

/// How long an attack waits for a server to give up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// What the server promises, or what is usual.
    pub(crate) limit: Duration,
    /// How long the attack waits, but for some grace.
    pub(crate) wait: Duration,
    expected: Expected<u64>,
}

// ===== impl Patience =====

impl Patience {
    /// Where nothing is promised, a siege that may wait longer does: servers differ.
    pub(crate) fn try_new(context: &Context, expected: Expected<u64>) -> Result<Self, Failure> {
        let limit = Duration::from_secs(expected.value);
        let (needed, most) = (limit + GRACE, context.intensity.patience());
        if needed > most {
            return Err(Failure::not_tested(format!(
                "it takes {} s, a {} siege waits {} s",
                needed.as_secs(),
                context.intensity.name(),
                most.as_secs()
            )));
        }
        Ok(Self {
            limit,
            wait: wait(limit, expected.is_promised, most),
            expected,
        })
    }

    /// Lowers a breach, unless the limit was promised. No server of the field waits for minutes.
    pub(crate) fn judge(self, finding: Finding) -> Finding {
        let level = if self.wait >= LONG {
            Level::Should
        } else {
            Level::Opinion
        };
        self.expected.judge_at_most(level, finding)
    }
}

fn wait(limit: Duration, is_promised: bool, most: Duration) -> Duration {
    if !is_promised && most >= LONG + GRACE {
        most - GRACE
    } else {
        limit
    }
}

/// Twice what the slowest servers of the field wait: nginx waits a minute.
const LONG: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_promised_is_waited_for_longer_where_that_is_allowed() {
        let [ten, short, long] = [10, 25, 150].map(Duration::from_secs);

        assert_eq!(wait(ten, true, short), ten);
        assert_eq!(wait(ten, false, short), ten);
        assert_eq!(wait(ten, true, long), ten);
        assert_eq!(wait(ten, false, long), long - GRACE);
    }
}
