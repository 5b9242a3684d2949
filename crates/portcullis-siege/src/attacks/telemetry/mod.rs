//! I: request IDs, logs, traces, metrics.

use tokio::{fs, process::Command, time::sleep};

use super::{
    answers::panics,
    log::{Log, SETTLE},
};
use crate::{
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::Request,
};

mod ids;
mod open;
mod table;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    ids::{forged_ids, ids_everywhere, two_ids, unique_ids},
    open::{debug_pages, metrics_open},
};

pub(crate) async fn log_injection(context: &Context) -> Finding {
    let log = Log::here(context).await?;
    let log = log.ok_or_else(|| Failure::not_tested("no log"))?;
    let marker = format!("siege{:08x}", rand::random::<u32>());
    let nasty = format!("{marker}\",\"siege_injected\":\"yes \u{202e}\\ %0a{{}}");
    let request = Request::get(format!("/{marker}%0a%1b[31m?q={marker}%0d%0a"))
        .header("user-agent", &nasty)
        .header("referer", format!("{nasty}{}", "r".repeat(1000)));
    context.send(&request).await?;
    let text = log.since().await?;
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&marker)).collect();
    let is_json = text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with('{'));
    for line in &lines {
        let evidence = |what: &str| Evidence::new(what).received(line);
        if line
            .chars()
            .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
        {
            return Err(
                evidence("a control or a bidirectional mark stands in the log as it came").into(),
            );
        }
        let parsed: Option<serde_json::Value> = serde_json::from_str(line).ok();
        let injected = parsed
            .as_ref()
            .is_some_and(|line| line.get("siege_injected").is_some());
        if is_json && (parsed.is_none() || injected) {
            return Err(evidence("a line of the log was forged").into());
        }
    }
    match lines.len() {
        0 => Err(Failure::unclear("the log says nothing of the request")),
        count => Ok(format!("{count} lines, escaped")),
    }
}

pub(crate) async fn audit_chain(context: &Context) -> Finding {
    let Some(path) = &context.profile.sinks.audit else {
        return Err(Failure::not_tested("no audit log"));
    };
    if let Some(protected) = &context.profile.routes.protected {
        for _ in 0..5 {
            context.send(&Request::get(protected)).await?;
        }
        sleep(SETTLE).await;
    }
    let text = fs::read_to_string(path).await?;
    let lines: Vec<_> = text.lines().collect();
    if lines.len() < 3 {
        return Err(Failure::unclear("the audit log has fewer than 3 lines"));
    }
    let middle = lines.len() / 2;
    let altered = lines.iter().enumerate().map(|(i, line)| {
        if i == middle {
            line.replacen(|c: char| c.is_ascii_digit(), "x", 1)
        } else {
            (*line).to_owned()
        }
    });
    let altered: Vec<_> = altered.collect();
    let kept = |except: usize| [&lines[..except], &lines[except + 1..]].concat().join("\n") + "\n";
    let mut moved = lines.clone();
    moved.swap(middle - 1, middle);
    let tries = [
        ("whole", text.clone(), true),
        ("changed in its order", moved.join("\n") + "\n", false),
        ("altered", altered.join("\n") + "\n", false),
        ("cut", kept(middle), false),
    ];
    for (name, text, expected) in tries {
        if verifies(context, &text).await? != expected {
            let what = if expected {
                "the audit log does not verify as it is".to_owned()
            } else {
                format!("the audit log verifies although it was {name}")
            };
            return Err(Evidence::new(what)
                .sent(context.profile.sinks.verify.join(" "))
                .into());
        }
    }
    Ok(format!(
        "{} lines verify; altered, cut or moved they do not",
        lines.len()
    ))
}

/// Whether the server's own command verifies a log.
async fn verifies(context: &Context, text: &str) -> Result<bool, Failure> {
    let name = format!("portcullis-siege-{:016x}", rand::random::<u64>());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, text).await?;
    let fill = |word: &String| word.replace("{file}", &file.to_string_lossy());
    let words: Vec<_> = context.profile.sinks.verify.iter().map(fill).collect();
    let status = Command::new(&words[0]).args(&words[1..]).output().await;
    fs::remove_file(&file).await?;
    Ok(status?.status.success())
}

pub(crate) async fn secrets(context: &Context) -> Finding {
    let secret = |name: &str| format!("siege-{name}-{:016x}", rand::random::<u64>());
    let all = ["authorization", "cookie", "key", "sig", "token"].map(secret);
    let [authorization, cookie, key, sig, token] = &all;
    let query = format!("sig={sig}&access_token={token}&api_key={key}");
    let routes = &context.profile.routes;
    let paths = [
        Some(context.control()),
        Some("/siege-unknown"),
        routes.protected.as_deref(),
        routes.panic.as_deref(),
    ];
    for path in paths.into_iter().flatten() {
        let and = if path.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{path}{and}{query}"))
            .header("authorization", format!("Bearer {authorization}"))
            .header("cookie", format!("session={cookie}"))
            .with_key(context, key);
        let answer = match context.expect(&request).await {
            Err(Failure::Unclear(_)) if panics(context, path) => continue,
            answer => answer?,
        };
        let repeats = all.iter().any(|secret| answer.mentions(secret));
        answer.holds(!repeats, "the answer repeats a secret")?;
    }
    let secrets: Vec<_> = all.iter().map(String::as_str).collect();
    grep(context, &secrets).await
}

/// Looks for secrets in whatever the server writes.
pub(crate) async fn grep(context: &Context, secrets: &[&str]) -> Finding {
    sleep(SETTLE).await;
    let mut looked = vec!["answers"];
    if let Some(log) = &context.profile.sinks.log {
        let text = fs::read_to_string(log).await?;
        let leaking = text
            .lines()
            .find(|line| secrets.iter().any(|secret| line.contains(secret)));
        if let Some(line) = leaking {
            return Err(Evidence::new("a secret stands in the log")
                .received(line)
                .into());
        }
        looked.push("the log");
    }
    if let Some(path) = &context.profile.routes.metrics {
        let request = context.get(path);
        let answer = context.expect(&request).await?;
        let has_one = secrets.iter().any(|secret| answer.mentions(secret));
        answer.holds(!has_one, "a secret stands in the metrics")?;
        looked.push("the metrics");
    }
    Ok(format!("not in {}", looked.join(", ")))
}

pub(crate) async fn cardinality(context: &Context) -> Finding {
    // What is new for good reasons is new after a few.
    vary(context, 20).await?;
    let count = context.intensity.scale(400);
    let mut before = series(context).await?;
    let mut seen = Vec::new();
    // What the attacks beside this one were the first to do adds series too, but not again and again.
    for _ in 0..ROUNDS {
        vary(context, count).await?;
        let after = series(context).await?;
        if after.saturating_sub(before) <= MORE {
            return Ok(format!(
                "{after} series after {count} paths, methods, hosts and agents"
            ));
        }
        seen.push(format!("{before} series before, {after} after"));
        before = after;
    }
    let what = format!("{count} paths, methods and hosts add more than {MORE} series, each time");
    Err(Evidence::new(what).received(seen.join("\n")).into())
}

/// Requests that share nothing.
async fn vary(context: &Context, count: usize) -> Result<(), Failure> {
    for i in 0..count {
        let word = format!("s{:08x}", rand::random::<u32>());
        let method = if i % 8 == 0 {
            word.to_ascii_uppercase()
        } else {
            "GET".to_owned()
        };
        let request = Request::new(&method, format!("/{word}/{i}?{word}"))
            .key(context)
            .header("user-agent", &word)
            .header("host", format!("{word}.example"));
        drop(context.send(&request).await);
    }
    Ok(())
}

async fn series(context: &Context) -> Result<usize, Failure> {
    sleep(SETTLE).await;
    let answer = context
        .send(&context.get(route(&context.profile.routes.metrics)?))
        .await?;
    if !answer.is_good() {
        return Err(Failure::not_tested(format!(
            "the metrics answer {}",
            answer.status
        )));
    }
    let text = answer.text();
    let lines = text.lines();
    let series = lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    Ok(series.count())
}

const ROUNDS: usize = 3;

/// So many series are no sign: a histogram of one route is a dozen.
const MORE: usize = 40;
