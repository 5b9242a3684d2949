//! The demo's page in a real browser: every card is pressed, and shows what was sent.

mod callers;
mod chrome;
mod client;
mod other_sites;
mod page;
mod pages;
mod refusals;
mod seen;

use portcullis_tests::{demo::Demo, program::Folder, reports::report};
use serde_json::json;

use crate::{chrome::Chrome, client::Result, page::Page};

#[tokio::test(flavor = "multi_thread")]
async fn shows_what_every_layer_really_answers() -> Result<()> {
    let demo = Demo::start().await;
    let chrome = Chrome::start().await?;
    let page = Page::open(&chrome, demo.url()).await?;

    shows_each_status(&page).await?;
    shows_that_a_wrong_key_looks_like_none(&page).await?;
    callers::shows_who_is_known(&page).await?;
    other_sites::shows_what_they_may_do(&page).await?;
    shows_a_body_that_broke_off(&page).await?;
    shows_streams(&page).await?;
    shows_a_broken_dependency(&page).await?;
    seen::shows_what_there_is_of_a_request(&page).await?;
    seen::shows_a_process_that_is_degraded_and_recovers(&page).await?;
    shows_what_is_shed(&page).await?;
    shows_a_breaker_that_opens_and_closes(&page).await?;
    shows_a_stop_that_loses_nothing(&page).await?;
    shows_what_is_left_of_a_limit(&page).await?;

    assert_eq!(page.violations().await?, [""; 0]);
    assert_eq!(surprises(&chrome).await?, [""; 0]);
    chrome.quit().await
}

/// With and without breaches, and with bytes that would run if they were not escaped.
#[tokio::test(flavor = "multi_thread")]
async fn shows_a_siege_with_the_failures_first() -> Result<()> {
    let chrome = Chrome::start().await?;
    let folder = Folder::new("siege-page");
    for breaches in [0, 1, 100] {
        let file = folder.path().join("report.html");
        std::fs::write(&file, report(breaches).to_html())?;
        chrome.open(&format!("file://{}", file.display())).await?;

        let first = "return [document.querySelector('main h2').innerText, \
                     document.querySelectorAll('main section:first-of-type .failure').length, \
                     document.scripts.length]";
        assert_eq!(
            chrome.run(first, json!([])).await?,
            json!(["Breached", breaches, 0])
        );
        assert_eq!(chrome.log().await?, [json!(null); 0]);
    }
    chrome.quit().await
}

/// Without this the absence of violations above would prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn notices_an_inline_style() -> Result<()> {
    let demo = Demo::start().await;
    let chrome = Chrome::start().await?;
    let page = Page::open(&chrome, demo.url()).await?;
    assert_eq!(page.violations().await?, [""; 0]);

    let inline = "document.body.setAttribute('style', 'color: red')";
    chrome.run(inline, json!([])).await?;
    page.press("health").await?;

    assert_eq!(page.violations().await?, ["style-src-attr blocked inline"]);
    assert_eq!(surprises(&chrome).await?.len(), 1);
    chrome.quit().await
}

async fn shows_each_status(page: &Page<'_>) -> Result<()> {
    for (card, status) in STATUSES {
        let answer = page.press(card).await?;
        assert_eq!(answer.status(), Some(status), "{card}: {answer:?}");
        assert!(
            answer.headers.contains("x-request-id"),
            "{card}: {answer:?}"
        );
        assert!(answer.duration.ends_with(" ms"), "{card}: {answer:?}");
    }
    Ok(())
}

async fn shows_that_a_wrong_key_looks_like_none(page: &Page<'_>) -> Result<()> {
    let answer = page.press("wrong-key").await?;

    assert_eq!(answer.status(), Some(401));
    assert_eq!(
        answer.note,
        "the same as without a key, but for the request ID"
    );
    Ok(())
}

async fn shows_a_body_that_broke_off(page: &Page<'_>) -> Result<()> {
    let answer = page.press("panic-body").await?;

    assert_eq!(answer.status(), Some(200));
    assert!(answer.note.starts_with("the body broke off"), "{answer:?}");
    Ok(())
}

async fn shows_streams(page: &Page<'_>) -> Result<()> {
    let events = page.press("events").await?;
    let socket = page.press("websocket").await?;

    assert_eq!(events.status(), Some(200));
    assert!(events.body.matches("data:").count() >= 5, "{events:?}");
    assert_eq!(socket.status(), Some(101));
    assert!(
        socket.body.contains("← hello through the gate"),
        "{socket:?}"
    );
    Ok(())
}

async fn shows_a_broken_dependency(page: &Page<'_>) -> Result<()> {
    for name in ["mongodb", "redis"] {
        page.press_on("checks", name).await?;
        page.press_until("ready", 503).await?;
        page.press_on("checks", name).await?;
        page.press_until("ready", 200).await?;
    }
    Ok(())
}

async fn shows_what_is_shed(page: &Page<'_>) -> Result<()> {
    let answer = page.press("overload").await?;
    let lines = |code: &str| {
        answer
            .body
            .lines()
            .filter(|line| line.starts_with(code))
            .count()
    };

    assert_eq!((lines("200"), lines("503")), (2, 4), "{answer:?}");
    assert!(answer.headers.contains("retry-after"), "{answer:?}");
    Ok(())
}

async fn shows_a_breaker_that_opens_and_closes(page: &Page<'_>) -> Result<()> {
    let answer = page.press("breaker").await?;
    let codes: Vec<_> = answer
        .body
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();

    assert_eq!(
        codes,
        ["502", "502", "502", "503", "200", "200"],
        "{answer:?}"
    );
    assert_eq!(answer.note, "closed again");
    Ok(())
}

async fn shows_a_stop_that_loses_nothing(page: &Page<'_>) -> Result<()> {
    let answer = page.press("drain").await?;
    let found: Vec<_> = answer
        .body
        .lines()
        .filter_map(|line| line.split_once("ms  "))
        .collect();
    let found = found
        .iter()
        .map(|(_, line)| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let found: Vec<_> = found.collect();

    let expected = [
        "GET /ready 200",
        "GET /slow sent; it takes 1.5s",
        "stop asked for; 1s of grace",
        "GET /ready 503",
        "GET /new 200",
        "GET /slow 200",
    ];
    assert_eq!(found[..6], expected, "{answer:?}");
    assert!(found[6].contains("0 cut"), "{answer:?}");
    Ok(())
}

async fn shows_what_is_left_of_a_limit(page: &Page<'_>) -> Result<()> {
    let answer = page.press("burst").await?;
    let refused = answer.body.lines().filter(|line| line.starts_with("429"));
    let explained = |line: &str| line.contains("retry-after: ") && line.contains("ratelimit: ");

    assert_eq!(answer.status(), Some(429), "{answer:?}");
    assert!(refused.clone().count() > 0 && refused.clone().all(explained));
    assert_eq!(answer.body.lines().count(), 15);
    Ok(())
}

/// What the browser logged, but for answers of 4xx and 5xx, and bodies that broke off.
async fn surprises(chrome: &Chrome) -> Result<Vec<String>> {
    let log = chrome.log().await?;
    let surprises = log.iter().filter(|entry| entry["source"] != "network");
    Ok(surprises
        .map(|entry| entry["message"].to_string())
        .collect())
}

const STATUSES: [(&str, u16); 14] = [
    ("hello", 200),
    ("no-key", 401),
    ("no-host", 400),
    ("zip-bomb", 413),
    ("echo", 200),
    ("too-large", 413),
    ("slow", 503),
    ("panic", 500),
    ("health", 200),
    ("ready", 200),
    ("metrics-no-key", 401),
    ("metrics", 200),
    ("config", 200),
    // After a panic and a deadline the server still answers.
    ("hello", 200),
];
