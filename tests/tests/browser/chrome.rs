//! A headless Chromium with an empty profile, and the driver it is steered by.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::client::{Client, Result};

/// A running browser; it ends with this value.
#[derive(Debug)]
pub(crate) struct Chrome {
    driver: Child,
    client: Client,
    session: String,
    profile: PathBuf,
}

// ===== impl Chrome =====

impl Chrome {
    pub(crate) async fn start() -> Result<Self> {
        let browser = find_browser()?;
        let (driver, port) = start_driver()?;
        let profile = new_profile()?;
        let mut chrome = Self {
            driver,
            client: Client::new(port),
            session: String::new(),
            profile,
        };
        let capabilities = chrome.capabilities(&browser);
        let session = chrome.client.post("/session", capabilities).await?;
        let id = session["sessionId"].as_str().ok_or("no session")?;
        chrome.session = format!("/session/{id}");
        Ok(chrome)
    }

    pub(crate) async fn open(&self, url: &str) -> Result<()> {
        self.command("url", json!({ "url": url })).await?;
        Ok(())
    }

    /// Runs `script`, the body of a function, in the page.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Result<Value> {
        let script = json!({ "script": script, "args": arguments });
        self.command("execute/sync", script).await
    }

    /// Presses what `selector` finds, as a pointer would.
    pub(crate) async fn press(&self, selector: &str) -> Result<()> {
        let found = json!({ "using": "css selector", "value": selector });
        let element = self.command("element", found).await?;
        let id = element[ELEMENT].as_str().ok_or("no element")?;
        self.command(&format!("element/{id}/click"), json!({}))
            .await?;
        Ok(())
    }

    /// A picture of the window: a PNG in base64.
    pub(crate) async fn picture(&self) -> Result<String> {
        let path = format!("{}/screenshot", self.session);
        let picture = self.client.get(&path).await?;
        Ok(picture.as_str().unwrap_or_default().to_owned())
    }

    /// What the console has got since the last call.
    pub(crate) async fn log(&self) -> Result<Vec<Value>> {
        let log = self.command("se/log", json!({ "type": "browser" })).await?;
        Ok(log.as_array().cloned().unwrap_or_default())
    }

    pub(crate) async fn quit(self) -> Result<()> {
        self.client.delete(&self.session).await?;
        Ok(())
    }

    async fn command(&self, name: &str, body: Value) -> Result<Value> {
        let path = format!("{}/{name}", self.session);
        self.client.post(&path, body).await
    }

    fn capabilities(&self, browser: &Path) -> Value {
        let profile = format!("--user-data-dir={}", self.profile.display());
        let flags: Vec<&str> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
        json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": browser, "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } })
    }
}

impl Drop for Chrome {
    /// A test that failed leaves its session open: driver and browser are one group.
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn find_browser() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("chromium is missing. {INSTALL}").into())
}

/// Starts the driver on a port of its own choice and reads which one it is.
fn start_driver() -> Result<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("chromedriver: {error}. {INSTALL}"))?;
    let stdout = driver.stdout.take().ok_or("no output")?;
    for line in BufReader::new(stdout).lines() {
        if let Some((_, port)) = line?.split_once("successfully on port ") {
            return Ok((driver, port.trim_end_matches('.').parse()?));
        }
    }
    Err("chromedriver did not start".into())
}

fn new_profile() -> Result<PathBuf> {
    let name = format!("browser-{}", process::id());
    let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&profile)?;
    Ok(profile)
}

const INSTALL: &str = "Install it with: \
    apt-get install -y --no-install-recommends chromium chromium-driver";

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    // Or reports come a minute later.
    "--short-reporting-delay",
];

/// The name WebDriver gives the reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
