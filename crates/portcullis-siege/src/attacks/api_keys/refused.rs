//! What a refusal is: nobody is let in, and a wrong key is not told from another one.

use crate::{
    Level, Severity,
    attacks::expect::Expected,
    context::Context,
    verdict::Failure,
    wire::{Answer, Request},
};

/// The same status, challenge and body as another refusal, but for the request ID.
pub(super) async fn same_refusal(
    context: &Context,
    request: &Request,
    other: &Answer,
) -> Result<(), Failure> {
    let answer = context.expect(request).await?;
    is_refused(&answer, "a wrong key")?;
    if other.status == 429 {
        return Err(Failure::limited());
    }
    let same = answer.status == other.status
        && without_id(&answer) == without_id(other)
        && answer.header("www-authenticate") == other.header("www-authenticate");
    let what = format!("this {} {DIFFERS}", answer.status);
    answer
        .holds(same, what)
        .map_err(|failure| failure.costs(Severity::Medium))?;
    Ok(())
}

/// Lowers a breach if all that is wrong is that a refusal has other words.
pub(super) fn other_words(failure: Failure, level: Level, why: &str) -> Failure {
    match &failure {
        Failure::Breach(evidence) if evidence.what.ends_with(DIFFERS) => {
            failure.at_most(level, why)
        }
        _ => failure,
    }
}

/// Breached unless nobody is let in: 401, or 403, as a server may say too (RFC 9110, 15.5.4).
pub(super) fn is_refused(answer: &Expected<'_>, of: &str) -> Result<(), Failure> {
    is_no_limit(answer)?;
    let refused = answer.status([401, 403], of);
    refused.map_err(|failure| not_let_in(failure, Some(answer.status)))?;
    Ok(())
}

/// Of whoever is not let in nothing is said but that another status is usual.
pub(super) fn not_let_in(failure: Failure, status: Option<u16>) -> Failure {
    match status {
        Some(101 | 200..=299) => failure,
        _ => failure
            .at_most(Level::Should, "nobody is let in")
            .costs(Severity::Low),
    }
}

/// What a limit refuses tells nothing of keys.
pub(super) fn is_no_limit(answer: &Answer) -> Result<(), Failure> {
    if answer.status == 429 {
        return Err(Failure::limited());
    }
    Ok(())
}

pub(super) fn without_id(answer: &Answer) -> String {
    match answer.header("x-request-id") {
        "" => answer.text(),
        id => answer.text().replace(id, ""),
    }
}

const DIFFERS: &str = "differs from the refusal of another wrong key";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Evidence;

    fn breach(what: &str) -> Failure {
        Evidence::new(what).into()
    }

    fn weight(failure: Failure) -> (Option<Level>, Option<Severity>) {
        match failure {
            Failure::Breach(evidence) => (evidence.at_most, evidence.costs),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_is_not_let_in_costs_little() {
        for status in [Some(101), Some(200), Some(204)] {
            assert_eq!(weight(not_let_in(breach("in"), status)), (None, None));
        }
        for status in [None, Some(302), Some(404), Some(500)] {
            let weight = weight(not_let_in(breach("out"), status));
            assert_eq!(weight, (Some(Level::Should), Some(Severity::Low)));
        }
    }

    #[test]
    fn only_other_words_are_less() {
        let lowered = |what: &str| weight(other_words(breach(what), Level::Opinion, "why")).0;

        assert_eq!(
            lowered(&format!("this 401 {DIFFERS}")),
            Some(Level::Opinion)
        );
        assert_eq!(lowered("200 for a wrong key"), None);
    }
}
