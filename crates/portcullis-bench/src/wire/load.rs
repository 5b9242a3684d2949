//! The load: wrk on the other core, and what it says.

use std::process::Command;

use crate::{
    Outcome,
    ask::{Ask, PATH},
    stack::{Stack, Work},
    wire::server::Server,
};

/// What one round of one stack showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) per_second: f64,
    /// Clock ticks of the server per request.
    pub(crate) cpu: f64,
}

/// Warms the server up, then loads it.
pub(crate) fn put(server: &Server, stack: &Stack) -> Outcome<Load> {
    let Work::Route { ask, .. } = stack.work else {
        return Err(format!("{} is no router", stack.name).into());
    };
    wrk(server, ask, "1s")?;
    let before = server.ticks()?;
    let said = wrk(server, ask, "3s")?;
    let ticks = server.ticks()? - before;
    Ok(Load {
        per_second: number(&said, |line| line.strip_prefix("Requests/sec:"))?,
        cpu: ticks / number(&said, |line| Some(line.split_once(" requests in")?.0))?,
    })
}

fn wrk(server: &Server, ask: Ask, duration: &str) -> Outcome<String> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "wrk", "-t", "1", "-c", "32", "-d", duration]);
    for (name, value) in ask.headers() {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    command.arg(format!("http://{}{PATH}", server.address));
    let output = command
        .output()
        .map_err(|error| format!("taskset: {error}"))?;
    let said = String::from_utf8(output.stdout)?;
    let refused = ask.status.is_success() && said.contains("Non-2xx");
    if !output.status.success() || refused || said.contains("Socket errors") {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("wrk: {}\n{said}{errors}", output.status).into());
    }
    Ok(said)
}

/// The number on the one line that has it.
fn number(said: &str, find: fn(&str) -> Option<&str>) -> Outcome<f64> {
    let text = said.lines().map(str::trim).find_map(find);
    let text = text.ok_or_else(|| format!("wrk says no such number: {said}"))?;
    Ok(text.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_wrk_says() {
        let said = "  60 requests in 2.00s, 7KB read\nRequests/sec:     30.50\n";

        let rate = number(said, |line| line.strip_prefix("Requests/sec:"));
        let requests = number(said, |line| Some(line.split_once(" requests in")?.0));

        assert_eq!(rate.ok(), Some(30.5));
        assert_eq!(requests.ok(), Some(60.0));
    }
}
