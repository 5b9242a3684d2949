use std::time::Duration;

use bytes::Bytes;
use portcullis_core::{BoxError, ConfigError};
use tokio::time::{sleep, timeout};

use super::{Answer, Target, answer::Attempt, backoff::Backoff, connection::Connection};

/// Sends messages to one collector.
#[derive(Clone, Debug)]
pub(crate) struct Exporter {
    connection: Connection,
    /// For a message, with all attempts.
    timeout: Duration,
}

// ===== impl Exporter =====

impl Exporter {
    /// Creates an exporter that tries for as long as the target's time limit, at most for `longest`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with certificates or a key.
    pub(crate) fn try_new(target: Target, longest: Duration) -> Result<Self, ConfigError> {
        let limit = target.timeout.min(longest);
        let wrong = |error: BoxError| ConfigError::new(format!("OTLP: {error}"));
        Ok(Self {
            connection: Connection::try_new(target).map_err(wrong)?,
            timeout: limit,
        })
    }

    /// Sends a message until there is a final answer, or its time is over.
    pub(crate) async fn send(&self, message: Vec<u8>) -> Answer {
        let Some(body) = self.connection.body(message) else {
            return Answer::Refused("it is longer than gRPC can carry".to_owned());
        };
        let mut last = None;
        match timeout(self.timeout, self.attempts(body, &mut last)).await {
            Ok(answer) => answer,
            Err(_) => {
                let limit = self.timeout;
                Answer::Failed(last.unwrap_or_else(|| format!("no answer within {limit:?}")))
            }
        }
    }

    async fn attempts(&self, body: Bytes, last: &mut Option<String>) -> Answer {
        let mut backoff = Backoff::new();
        loop {
            match self.connection.send(body.clone()).await {
                Attempt::Final(answer) => return answer,
                Attempt::Again(problem, wanted) => {
                    let wait = backoff.wait(wanted);
                    // To wait longer than there is time is to give up.
                    if wait >= self.timeout {
                        return Answer::Failed(problem);
                    }
                    *last = Some(problem);
                    sleep(wait).await;
                }
            }
        }
    }
}
