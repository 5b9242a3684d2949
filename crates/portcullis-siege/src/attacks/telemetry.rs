//! I: request IDs, logs, traces, metrics.

use std::collections::HashSet;

use tokio::{fs, process::Command, time::sleep};

use super::{
    answers::{all, panics},
    log::{Log, SETTLE},
};
use crate::{
    arena::{Arena, route},
    verdict::{Evidence, Finding, Trouble},
    wire::{Ask, Client, contains},
};

pub(crate) async fn forged_ids(arena: &Arena) -> Finding {
    let long = "a".repeat(8000);
    let forged = [
        "a%0d%0aSet-Cookie: x=1",
        "<script>alert(1)</script>",
        "{\"id\":1}",
        "${jndi:ldap://x}",
        "a b",
        "a\tb",
        "caf\u{e9}",
        "'; DROP TABLE x",
        "",
        &long,
    ];
    for id in forged {
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nX-Request-Id: {id}\r\n\r\n",
            arena.control(),
            arena.target.authority()
        );
        let seen = arena.exchange(head).await?;
        let Some(answer) = seen.answers().into_iter().next() else {
            continue;
        };
        let given = answer.header("x-request-id");
        match () {
            () if answer.status == 400 || answer.status == 431 => {}
            () if !answer.has("x-request-id") => {
                return Err(seen.breach("the answer has no request ID"));
            }
            () if !is_safe(given) || given == id => {
                return Err(seen.breach("a forged request ID is believed"));
            }
            () => {}
        }
    }
    Ok(format!("{} forged IDs replaced", forged.len()))
}

pub(crate) async fn two_ids(arena: &Arena) -> Finding {
    let ask = Ask::get(arena.control())
        .header("x-request-id", "siege-one")
        .header("x-request-id", "siege-two");
    let answer = arena.ask(&ask).await?;
    let ids: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    let what = match ids[..] {
        _ if answer.status == 400 => None,
        [id] if id == "siege-one" || id == "siege-two" => Some("one of the two is believed"),
        [_] => None,
        [] => Some("the answer has no request ID"),
        _ => Some("the answer has several request IDs"),
    };
    match what {
        None => Ok("one fresh ID".to_owned()),
        Some(what) => Err(ask.breach(arena, &answer, what)),
    }
}

pub(crate) async fn unique_ids(arena: &Arena) -> Finding {
    let ask = Ask::get(arena.control());
    let mut client = Client::connect(arena, arena.fresh(), false).await?;
    let mut ids = Vec::new();
    for _ in 0..arena.intensity.scale(2000) {
        let answer = match client.ask(arena, &ask).await {
            Ok(answer) if answer.status == arena.found.control_status => answer,
            _ => {
                client = Client::connect(arena, arena.fresh(), false).await?;
                continue;
            }
        };
        if !answer.has("x-request-id") {
            return Err(ask.breach(arena, &answer, "the answer has no request ID"));
        }
        ids.push(answer.header("x-request-id").to_owned());
    }
    let distinct: HashSet<_> = ids.iter().collect();
    let bits = entropy(&ids);
    let some = ids.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    let evidence = |what: String| Evidence::new(what).received(&some).repeat(ask.curl(arena));
    match () {
        () if distinct.len() < ids.len() => {
            Err(evidence(format!("{} of {} IDs differ", distinct.len(), ids.len())).into())
        }
        () if bits < 100.0 => {
            Err(evidence(format!("about {bits:.0} random bits; 122 are expected")).into())
        }
        () => Ok(format!(
            "{} IDs, all differ, about {bits:.0} random bits",
            ids.len()
        )),
    }
}

pub(crate) async fn ids_everywhere(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    for kind in kinds.iter() {
        let id = kind.answer.header("x-request-id");
        if id.is_empty() {
            return Err(kind.breach(arena, "no request ID"));
        }
        let is_problem = kind
            .answer
            .header("content-type")
            .starts_with("application/problem+json");
        if is_problem && !kind.answer.body.is_empty() && !contains(&kind.answer.body, id.as_bytes())
        {
            return Err(kind.breach(arena, "the problem has no request ID"));
        }
    }
    Ok(format!("an ID on {} kinds of answers", kinds.len()))
}

pub(crate) async fn log_injection(arena: &Arena) -> Finding {
    let log = Log::here(arena).await?;
    let log = log.ok_or_else(|| Trouble::NotTested("no log".to_owned()))?;
    let marker = format!("siege{:08x}", rand::random::<u32>());
    let nasty = format!("{marker}\",\"siege_injected\":\"yes \u{202e}\\ %0a{{}}");
    let ask = Ask::get(format!("/{marker}%0a%1b[31m?q={marker}%0d%0a"))
        .header("user-agent", &nasty)
        .header("referer", format!("{nasty}{}", "r".repeat(1000)));
    arena.ask(&ask).await?;
    let text = log.since().await?;
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&marker)).collect();
    let is_json = text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with('{'));
    for line in &lines {
        let evidence = |what: &str| Evidence::new(what).received(line).repeat(ask.curl(arena));
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
        0 => Err(Trouble::Unclear(
            "the log says nothing of the request".to_owned(),
        )),
        count => Ok(format!("{count} lines, escaped")),
    }
}

pub(crate) async fn audit_chain(arena: &Arena) -> Finding {
    let Some(path) = &arena.profile.sinks.audit else {
        return Err(Trouble::NotTested("no audit log".to_owned()));
    };
    if let Some(protected) = &arena.profile.routes.protected {
        for _ in 0..5 {
            arena.ask(&Ask::get(protected)).await?;
        }
        sleep(SETTLE).await;
    }
    let text = fs::read_to_string(path).await?;
    let lines: Vec<_> = text.lines().collect();
    if lines.len() < 3 {
        return Err(Trouble::Unclear(
            "the audit log has fewer than 3 lines".to_owned(),
        ));
    }
    let middle = lines.len() / 2;
    let altered = lines.iter().enumerate().map(|(i, line)| match i == middle {
        true => line.replacen(|c: char| c.is_ascii_digit(), "x", 1),
        false => (*line).to_owned(),
    });
    let altered: Vec<_> = altered.collect();
    let kept = |except: usize| [&lines[..except], &lines[except + 1..]].concat().join("\n") + "\n";
    let tries = [
        ("whole", text.clone(), true),
        ("altered", altered.join("\n") + "\n", false),
        ("cut", kept(middle), false),
    ];
    for (name, text, expected) in tries {
        if verifies(arena, &text).await? != expected {
            let what = match expected {
                true => "the audit log does not verify as it is".to_owned(),
                false => format!("the audit log verifies although it was {name}"),
            };
            return Err(Evidence::new(what)
                .sent(arena.profile.sinks.verify.join(" "))
                .into());
        }
    }
    Ok(format!(
        "{} lines verify; altered or cut they do not",
        lines.len()
    ))
}

/// Whether the server's own command verifies a log.
async fn verifies(arena: &Arena, text: &str) -> Result<bool, Trouble> {
    let name = format!("portcullis-siege-{:016x}", rand::random::<u64>());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, text).await?;
    let fill = |word: &String| word.replace("{file}", &file.to_string_lossy());
    let words: Vec<_> = arena.profile.sinks.verify.iter().map(fill).collect();
    let status = Command::new(&words[0]).args(&words[1..]).output().await;
    fs::remove_file(&file).await?;
    Ok(status?.status.success())
}

pub(crate) async fn secrets(arena: &Arena) -> Finding {
    let secret = |name: &str| format!("siege-{name}-{:016x}", rand::random::<u64>());
    let all = ["authorization", "cookie", "key", "sig", "token"].map(secret);
    let [authorization, cookie, key, sig, token] = &all;
    let query = format!("sig={sig}&access_token={token}&api_key={key}");
    let routes = &arena.profile.routes;
    let paths = [
        Some(arena.control()),
        Some("/siege-unknown"),
        routes.protected.as_deref(),
        routes.panic.as_deref(),
    ];
    for path in paths.into_iter().flatten() {
        let and = if path.contains('?') { '&' } else { '?' };
        let ask = Ask::get(format!("{path}{and}{query}"))
            .header("authorization", format!("Bearer {authorization}"))
            .header("cookie", format!("session={cookie}"))
            .with_key(arena, key);
        let answer = match arena.ask(&ask).await {
            Err(Trouble::Unclear(_)) if panics(arena, path) => continue,
            answer => answer?,
        };
        if all.iter().any(|secret| answer.mentions(secret)) {
            return Err(ask.breach(arena, &answer, "the answer repeats a secret"));
        }
    }
    let secrets: Vec<_> = all.iter().map(String::as_str).collect();
    grep(arena, &secrets).await
}

/// Looks for secrets in whatever the server writes.
pub(crate) async fn grep(arena: &Arena, secrets: &[&str]) -> Finding {
    sleep(SETTLE).await;
    let mut looked = vec!["answers"];
    if let Some(log) = &arena.profile.sinks.log {
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
    if let Some(path) = &arena.profile.routes.metrics {
        let ask = arena.get(path);
        let answer = arena.ask(&ask).await?;
        if secrets.iter().any(|secret| answer.mentions(secret)) {
            return Err(ask.breach(arena, &answer, "a secret stands in the metrics"));
        }
        looked.push("the metrics");
    }
    Ok(format!("not in {}", looked.join(", ")))
}

pub(crate) async fn cardinality(arena: &Arena) -> Finding {
    // What is new for good reasons is new after a few.
    vary(arena, 20).await?;
    let before = series(arena).await?;
    let count = arena.intensity.scale(400);
    vary(arena, count).await?;
    let after = series(arena).await?;
    match after.saturating_sub(before) {
        0..=40 => Ok(format!(
            "{after} series after {count} paths, methods, hosts and agents"
        )),
        more => Err(Evidence::new(format!(
            "{more} series more after {count} paths, methods and hosts"
        ))
        .received(format!("{before} series before, {after} after"))
        .into()),
    }
}

/// Requests that share nothing.
async fn vary(arena: &Arena, count: usize) -> Result<(), Trouble> {
    for i in 0..count {
        let word = format!("s{:08x}", rand::random::<u32>());
        let method = if i % 8 == 0 {
            word.to_ascii_uppercase()
        } else {
            "GET".to_owned()
        };
        let ask = Ask::new(&method, format!("/{word}/{i}?{word}"))
            .key(arena)
            .header("user-agent", &word)
            .header("host", format!("{word}.example"));
        drop(arena.ask(&ask).await);
    }
    Ok(())
}

async fn series(arena: &Arena) -> Result<usize, Trouble> {
    sleep(SETTLE).await;
    let answer = arena
        .ask(&arena.get(route(&arena.profile.routes.metrics)?))
        .await?;
    if !answer.is_good() {
        return Err(Trouble::NotTested(format!(
            "the metrics answer {}",
            answer.status
        )));
    }
    let is_series = |line: &&str| !line.starts_with('#') && !line.trim().is_empty();
    Ok(answer.text().lines().filter(is_series).count())
}

fn is_safe(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(safe)
}

/// The sum over places of what each place tells, in bits.
fn entropy(ids: &[String]) -> f64 {
    let longest = ids.iter().map(String::len).max().unwrap_or(0);
    let total = ids.len() as f64;
    let at = |place: usize| {
        let mut counts = [0_u32; 257];
        for id in ids {
            counts[id
                .as_bytes()
                .get(place)
                .map_or(256, |byte| usize::from(*byte))] += 1;
        }
        let shares = counts
            .iter()
            .filter(|count| **count > 0)
            .map(|count| f64::from(*count) / total);
        shares.map(|share| -share * share.log2()).sum::<f64>()
    };
    (0..longest).map(at).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_random_bits() {
        let random: Vec<_> = (0..2000)
            .map(|_| format!("{:032x}", rand::random::<u128>()))
            .collect();
        let counted: Vec<_> = (0..2000).map(|i| format!("{i:032x}")).collect();

        assert!(entropy(&random) > 125.0);
        assert!(entropy(&counted) < 20.0);
    }

    #[test]
    fn knows_a_safe_id() {
        assert!(is_safe("a-B_9.z"));
        for id in ["", "a b", "a\n", "é", &"a".repeat(129)] {
            assert!(!is_safe(id), "{id}");
        }
    }
}
