//! The cards of callers that are known by something else than a right key, or not at all.

use crate::{
    client::Result,
    page::{Answer, Page},
};

pub(crate) async fn shows_who_is_known(page: &Page<'_>) -> Result<()> {
    shows_a_token_and_one_that_expired(page).await?;
    shows_that_a_signature_is_good_once(page).await?;
    shows_that_a_guesser_is_locked_out(page).await?;
    shows_that_the_page_is_not_locked_out(page).await
}

async fn shows_a_token_and_one_that_expired(page: &Page<'_>) -> Result<()> {
    let token = page.press("token").await?;
    let expired = page.press("expired-token").await?;

    assert_eq!(token.status(), Some(200), "{token:?}");
    assert!(token.body.contains("\"hello\": \"ann\""), "{token:?}");
    assert_eq!(token.note, "good for 5 min");
    assert_eq!(expired.status(), Some(401), "{expired:?}");
    assert_eq!(expired.note, "expired 55 min ago");
    let challenge = "Bearer realm=\"api\", error=\"invalid_token\"";
    assert!(expired.headers.contains(challenge), "{expired:?}");
    Ok(())
}

async fn shows_that_a_signature_is_good_once(page: &Page<'_>) -> Result<()> {
    let answer = page.press("replay").await?;
    let lines = lines(&answer);

    assert_eq!(lines.len(), 3, "{answer:?}");
    assert_eq!(lines[..2], ["signed 200", "the same again 401"]);
    assert!(lines[2].starts_with("www-authenticate: Signature realm="));
    assert_eq!(answer.status(), Some(401), "{answer:?}");
    Ok(())
}

async fn shows_that_a_guesser_is_locked_out(page: &Page<'_>) -> Result<()> {
    // Each time from another address: the second is as the first.
    for _ in 0..2 {
        let answer = page.press("lockout").await?;
        let lines = lines(&answer);

        assert_eq!(lines.len(), 7, "{answer:?}");
        assert_eq!(lines[..5], ["wrong key 401"; 5], "{answer:?}");
        assert_eq!(lines[5], "right key 429", "{answer:?}");
        let wait = lines[6].strip_prefix("retry-after: ");
        let wait: Option<u32> = wait.and_then(|wait| wait.parse().ok());
        assert!(matches!(wait, Some(50..=60)), "{answer:?}");
        assert_eq!(answer.status(), Some(429), "{answer:?}");
    }
    Ok(())
}

async fn shows_that_the_page_is_not_locked_out(page: &Page<'_>) -> Result<()> {
    assert_eq!(page.press("hello").await?.status(), Some(200));
    Ok(())
}

/// The lines of a body, with one space where there are more.
pub(crate) fn lines(answer: &Answer) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    answer.body.lines().map(words).collect()
}
