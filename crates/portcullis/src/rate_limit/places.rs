//! What the limiter's tables are made of, for others that count by key.

pub(crate) use super::{clock::Clock, key::Secret as Places, key_by::client_key, table::Table};
