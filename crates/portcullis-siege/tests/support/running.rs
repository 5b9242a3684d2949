//! A server that a test starts, and what a siege finds in it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use portcullis_siege::{Intensity, Profile, Report, Siege, Target};
use tokio::{sync::Semaphore, task::JoinSet};

/// A server. Ended when dropped.
pub(crate) struct Running {
    child: Child,
    url: String,
}

impl Running {
    /// Starts a program that prints its address at the end of its first line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("http://"), "{command:?} has not started");
        Self {
            child,
            url: line.trim().rsplit(' ').next().unwrap().to_owned(),
        }
    }

    pub(crate) async fn siege(&self, profile: Profile, only: &[&str]) -> Report {
        let target = Target::parse(&self.url, None).await.unwrap();
        // A machine may be slow: what is found must not depend on it.
        let mut allowance = Intensity::Quick.allowance();
        allowance.time = Duration::from_secs(300);
        let siege = Siege::new(target, profile).allowance(allowance);
        let siege = siege.only(only.iter().copied()).prepare().await.unwrap();
        siege.run(std::future::pending(), |_| {}).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the attack said, if it did not find the fault, or others found more.
pub(crate) fn missed(report: &Report, name: &str, attack: &str) -> Option<String> {
    let outcome = report.outcomes.iter().find(|outcome| outcome.id == attack);
    let outcome = outcome.unwrap_or_else(|| panic!("{name}: there is no attack {attack}"));
    let verdict = &outcome.verdict;
    let others = report.breaches().filter(|outcome| outcome.id != attack);
    let others: String = others
        .map(|outcome| format!(" and {}: {}", outcome.id, outcome.verdict.text()))
        .collect();
    let found = verdict.is_breached() && others.is_empty();
    let (said, text) = (verdict.name(), verdict.text());
    (!found).then(|| format!("{name} ({attack}): {said}: {text}{others}"))
}

/// So many servers are attacked at once.
const PLACES: u32 = 3;

/// Runs one task for each fault. Returns what they missed.
pub(crate) async fn each<F>(faults: impl IntoIterator<Item = (String, F)>) -> Vec<String>
where
    F: Future<Output = Option<String>> + Send + 'static,
{
    let (places, mut tasks) = (Arc::new(Semaphore::new(PLACES as usize)), JoinSet::new());
    for (attack, fault) in faults {
        let places = Arc::clone(&places);
        tasks.spawn(async move {
            // What measures times has the machine for itself.
            let wanted = if attack == "E05" { PLACES } else { 1 };
            let _place = places.acquire_many_owned(wanted).await.unwrap();
            fault.await
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
