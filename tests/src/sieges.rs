//! Sieges of servers, in this process.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::time::Duration;

use portcullis::api_key::ApiKey;
use portcullis_siege::{Intensity, Profile, Report, Siege, Target};
pub use servers::sieged::{Peer, Sieged};

/// Attacks a server with these attacks, or with all.
///
/// # Panics
///
/// Panics if the siege can't begin.
pub async fn siege(sieged: &Sieged, only: &[&str]) -> Report {
    let profile = Profile::parse(sieged.profile()).expect("a profile");
    let target = Target::parse(sieged.url(), None).await.expect("a target");
    // A machine may be slow: what is found must not depend on it.
    let mut allowance = Intensity::Quick.allowance();
    allowance.time = Duration::from_secs(300);
    let siege = Siege::new(target, profile).allowance(allowance);
    let siege = siege.only(only.iter().copied());
    let siege = siege.prepare().await.expect("a siege");
    siege.run(std::future::pending(), |_| {}).await
}

/// Returns a key that no one else has.
///
/// # Panics
///
/// Never: the prefix is one.
#[must_use]
pub fn key() -> String {
    let key = ApiKey::generate("pk").expect("a prefix");
    key.expose().to_owned()
}
