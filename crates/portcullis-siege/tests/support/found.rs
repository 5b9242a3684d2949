//! Whether each fault is found by its attack.

use std::sync::Arc;

use portcullis_siege::Report;
use tokio::{sync::Semaphore, task::JoinSet};

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
