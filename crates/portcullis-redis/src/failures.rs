//! Failures that several processes count together.

use std::time::Duration;

use portcullis_core::{Failing, Failure, FailureStore, Lock};
use redis::{RedisError, aio::ConnectionLike};

use crate::{RedisStore, what};

impl<C> RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    async fn fail_once(self, failure: Failure) -> Result<Lock, RedisError> {
        let rule = failure.rule;
        let mut call = self.fail.prepare_invoke();
        call.key(format!("{}:{{{}}}:failures", self.prefix, failure.key))
            .arg(rule.after());
        for time in [rule.first(), rule.longest(), rule.forget()] {
            call.arg(time.as_millis() as u64);
        }
        call.arg(failure.at_least);
        let (failures, locked_for) = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(Lock::new(failures, Duration::from_millis(locked_for)))
    }
}

/// Each failure is one script: one round trip.
impl<C> FailureStore for RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    fn fail(&self, failure: Failure) -> Failing {
        let store = self.clone();
        Box::pin(async move {
            let lock = store.fail_once(failure).await;
            lock.map_err(|error| what(&error).into())
        })
    }
}
