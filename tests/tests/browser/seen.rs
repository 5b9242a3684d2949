//! The cards of what one can see: one request's identity everywhere, and a process that is degraded.

use serde_json::Value;

use crate::{client::Result, page::Page};

pub(crate) async fn shows_what_there_is_of_a_request(page: &Page<'_>) -> Result<()> {
    let answer = page.press("identity").await?;

    assert_eq!(answer.status(), Some(500), "{answer:?}");
    // The panic, the report of it, and the access line.
    let note = "the ID is in the problem, the span and 3 lines; \
                the span links to the trace that was sent";
    assert_eq!(answer.note, note, "{answer:?}");
    let series = "http_route=\"/api/panic\",http_response_status_code=\"500\"";
    assert!(answer.body.contains(series), "{answer:?}");
    let span = answer.body.split("\nspan\n").nth(1).unwrap_or_default();
    let span = span.split("\n\nlog\n").next().unwrap_or_default();
    let span: Value = serde_json::from_str(span)?;
    assert_eq!(span["error.type"], "panic");
    Ok(())
}

pub(crate) async fn shows_a_process_that_is_degraded_and_recovers(page: &Page<'_>) -> Result<()> {
    let answer = page.press("degraded").await?;
    let lines: Vec<_> = answer.body.lines().collect();

    let expected = [
        "search is made to fail",
        "  200   degraded   search: failing",
        "search is made to recover",
        "  200   healthy   search: ok",
    ];
    assert_eq!(lines, expected, "{answer:?}");
    assert_eq!(answer.note, "healthy");
    Ok(())
}
