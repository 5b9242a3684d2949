//! Installs the tools that are missing, or says how.

use crate::{
    command::Command,
    report::{Outcome, Report},
    steps::Step,
    tools::{Source, Tool, is_root},
};

/// Installs what `steps` need and this machine lacks; false if that cannot be done.
///
/// Nothing is installed unless everything can be: a person who has to install one
/// thing by hand is told all of it at once.
pub(crate) fn missing(steps: &[Step], report: &mut Report) -> bool {
    let missing = missing_tools(steps);
    let may = missing.iter().all(|tool| tool.source.is_usable());
    let commands = commands(&missing);
    let installed = may
        && commands
            .iter()
            .all(|command| report.time(&command.to_string(), Outcome::Installed, || command.run()));

    if !installed && !missing.is_empty() {
        print_what_to_install(&missing, &commands);
    }
    installed
}

fn missing_tools(steps: &[Step]) -> Vec<&'static Tool> {
    let mut missing: Vec<&Tool> = Vec::new();
    for tool in steps.iter().flat_map(|step| step.needs) {
        if !missing.contains(&tool) && tool.is_missing() {
            missing.push(tool);
        }
    }
    missing
}

fn commands(missing: &[&Tool]) -> Vec<Command> {
    let from = |source: Source| -> Vec<&'static str> {
        let tools = missing.iter().filter(|tool| tool.source == source);
        tools.map(|tool| tool.package).collect()
    };
    Source::ALL
        .into_iter()
        .map(|source| (source, from(source)))
        .filter(|(_, packages)| !packages.is_empty())
        .flat_map(|(source, packages)| source.commands(&packages))
        .collect()
}

fn print_what_to_install(missing: &[&Tool], commands: &[Command]) {
    let names: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    println!("missing: {}. Install it with:", names.join(", "));
    println!("{}", line(commands, is_root()));
}

/// One line for a shell; `sudo` for what only root may do.
fn line(commands: &[Command], is_root: bool) -> String {
    let line = |command: &Command| {
        let line = command.to_string();
        let needs_sudo = line.contains("apt-get") && !is_root;
        if needs_sudo {
            format!("sudo {line}")
        } else {
            line
        }
    };
    commands.iter().map(line).collect::<Vec<_>>().join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    #[test]
    fn says_in_one_line_what_to_install() {
        let missing = [&tools::JQ, &tools::CLIPPY, &tools::CURL, &tools::DENY];

        let line = line(&commands(&missing), false);

        assert_eq!(
            line,
            "rustup component add clippy \
             && sudo apt-get update \
             && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends jq curl \
             && cargo install --locked cargo-deny"
        );
    }
}
