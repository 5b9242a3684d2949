//! The demo's page, as a person uses it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{chrome::Chrome, client::Result};

/// The open page.
#[derive(Debug)]
pub(crate) struct Page<'c> {
    chrome: &'c Chrome,
}

/// What a card shows.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) duration: String,
    pub(crate) note: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

// ===== impl Page =====

impl<'c> Page<'c> {
    pub(crate) async fn open(chrome: &'c Chrome, url: &str) -> Result<Self> {
        chrome.open(url).await?;
        Ok(Self { chrome })
    }

    /// Presses the card's button and returns what the card shows then.
    pub(crate) async fn press(&self, card: &str) -> Result<Answer> {
        self.press_on(card, card).await
    }

    /// Presses `button` of a card that has more than one.
    pub(crate) async fn press_on(&self, card: &str, button: &str) -> Result<Answer> {
        // A person cannot press as fast as the limits of the demo are narrow.
        sleep(PACE).await;
        let button = format!("[data-testid='press-{button}']");
        self.chrome.press(&button).await?;
        timeout(PATIENCE, self.answer(card))
            .await
            .map_err(|_| format!("card {card} still waits for its answer"))?
    }

    /// Presses until the card shows `status`: a server may keep an answer for a while.
    pub(crate) async fn press_until(&self, card: &str, status: u16) -> Result<Answer> {
        let shown = async {
            loop {
                let answer = self.press(card).await?;
                if answer.status() == Some(status) {
                    return Ok(answer);
                }
            }
        };
        timeout(PATIENCE, shown)
            .await
            .map_err(|_| format!("card {card} never showed {status}"))?
    }

    /// Violations of the content security policy that the page has heard of.
    pub(crate) async fn violations(&self) -> Result<Vec<String>> {
        let violations = self.chrome.run("return window.__cspViolations", json!([]));
        Ok(serde_json::from_value(violations.await?)?)
    }

    async fn answer(&self, card: &str) -> Result<Answer> {
        loop {
            let answer = self.chrome.run(READ_CARD, json!([card])).await?;
            if answer != Value::Null {
                return Ok(serde_json::from_value(answer)?);
            }
            sleep(PAUSE).await;
        }
    }
}

// ===== impl Answer =====

impl Answer {
    /// The code, if there was an answer at all.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status.split(' ').next()?.parse().ok()
    }
}

/// Null while the card waits.
const READ_CARD: &str = r#"
    const [name] = arguments;
    const card = document.querySelector(`[data-testid="card-${name}"]`);
    if (card.getAttribute("aria-busy") !== "false") return null;
    const parts = ["status", "duration", "note", "headers", "body"];
    const text = (part) => card.querySelector(`[data-testid="result-${name}-${part}"]`).textContent;
    return Object.fromEntries(parts.map((part) => [part, text(part)]));
"#;

const PACE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);
