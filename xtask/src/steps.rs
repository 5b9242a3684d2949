//! Everything CI checks, as one table.

use crate::{
    command::Command,
    report::{Outcome, Report},
    tools::{
        CADDY, CHROMIUM, CHROMIUM_DRIVER, CLIPPY, CURL, DENY, EXPRESS, GO, GXX, H11, HACK, HAPROXY,
        HTTP_MESSAGE_SIGNATURES, JQ, NEXTEST, NGINX, NODE, NPM, PROMETHEUS, PYTHON, PYTHON_VENV,
        REDIS, REQUESTS, ROTEL, RUSTFMT, Tool, UVICORN, VALGRIND, WRK,
    },
};

/// One thing that is checked.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Tool],
    variables: &'static [(&'static str, &'static str)],
    command: &'static str,
    passes: Passes,
}

/// When a step has passed.
#[derive(Debug)]
enum Passes {
    /// The command succeeds.
    OnSuccess,
    /// The command succeeds, prints something, and no line starts with one of these.
    WithoutLine(&'static [&'static str]),
}

// ===== impl Step =====

impl Step {
    /// Runs the step and tells whether it passed.
    pub(crate) fn run(&self, report: &mut Report) -> bool {
        let command = Command::new(self.command).variables(self.variables);
        report.time(self.name, Outcome::Passed, || match self.passes {
            Passes::OnSuccess => command.run(),
            Passes::WithoutLine(unwanted) => runs_without_line(&command, unwanted),
        })
    }
}

fn runs_without_line(command: &Command, unwanted: &[&str]) -> bool {
    let Some(output) = command.run_for_output() else {
        return false;
    };
    let found = lines_starting_with(&output, unwanted);
    for line in &found {
        println!("unwanted: {line}");
    }
    !output.is_empty() && found.is_empty()
}

fn lines_starting_with<'o>(output: &'o str, starts: &[&str]) -> Vec<&'o str> {
    let starts_so = |line: &&str| starts.iter().any(|start| line.starts_with(start));
    output.lines().filter(starts_so).collect()
}

/// In this order: cheap before dear, and what shares a build beside it.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        needs: &[RUSTFMT],
        variables: &[],
        command: "cargo fmt --all --check",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "hyper example has no axum",
        needs: &[],
        variables: &[],
        command: "cargo tree --package hyper-example --edges normal,build --all-features --prefix none",
        passes: Passes::WithoutLine(&["axum ", "axum-"]),
    },
    Step {
        name: "rules",
        needs: &[PROMETHEUS],
        variables: &[],
        // The tests of the rules run with the others.
        command: "promtool check rules --lint=all --lint-fatal ops/prometheus/requests.yml ops/prometheus/alerts.yml ops/prometheus/objectives.yml",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "deny",
        needs: &[DENY],
        variables: &[],
        command: "cargo deny check bans licenses sources",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "clippy",
        needs: &[CLIPPY],
        variables: &[],
        command: "cargo clippy --workspace --all-targets --all-features -- -D warnings",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "docs",
        needs: &[],
        variables: &[("RUSTDOCFLAGS", "-D warnings")],
        command: "cargo doc --workspace --no-deps --all-features",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "features",
        needs: &[HACK],
        variables: &[],
        // The packages that have features. The workflow builds the others so too.
        command: "cargo hack check --each-feature --no-dev-deps --package portcullis --package portcullis-redis --package portcullis-siege",
        passes: Passes::OnSuccess,
    },
    // As the tests of sieges build them: there it would be on the time of the first.
    Step {
        name: "servers",
        needs: &[],
        variables: &[],
        command: "cargo build --bins --example gallery --package demo --package peers --package portcullis-cli --package portcullis-siege --release",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "tests",
        needs: &[
            NEXTEST,
            CHROMIUM,
            CHROMIUM_DRIVER,
            CURL,
            JQ,
            NGINX,
            HAPROXY,
            CADDY,
            REDIS,
            PROMETHEUS,
            PYTHON_VENV,
            HTTP_MESSAGE_SIGNATURES,
            REQUESTS,
            ROTEL,
            PYTHON,
            NODE,
            NPM,
            GO,
            UVICORN,
            H11,
            EXPRESS,
        ],
        variables: &[],
        command: "cargo nextest run --workspace --all-features --profile ci",
        passes: Passes::OnSuccess,
    },
    // In a workspace-wide build one package's features hide that another forgot to ask for them.
    Step {
        name: "alone",
        needs: &[HACK],
        // Some tests measure their process. (`tests` has a process for each.)
        variables: &[("RUST_TEST_THREADS", "1")],
        command: "cargo hack test --workspace --exclude portcullis-siege --exclude portcullis-tests",
        passes: Passes::OnSuccess,
    },
    // Their tests want minutes, and have run above.
    Step {
        name: "alone, end to end",
        needs: &[HACK],
        variables: &[],
        command: "cargo hack test --no-run --package portcullis-siege --package portcullis-tests",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "readme",
        needs: &[],
        variables: &[],
        command: "cargo test --doc --package portcullis-tests",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "fuzz",
        needs: &[GXX],
        variables: &[],
        command: "cargo xtask fuzz",
        passes: Passes::OnSuccess,
    },
];

/// The goals of the bench. They measure the machine too, so that they are no step of a test.
pub(crate) const GOALS: &[Step] = &[
    goals(
        "what a request takes",
        &[VALGRIND],
        "cargo run --release --package portcullis-bench -- table --check",
    ),
    goals(
        "the limiter's store",
        &[VALGRIND],
        "cargo run --release --package portcullis-bench -- limiter --check",
    ),
    goals(
        "pauses",
        &[],
        "cargo run --release --package portcullis-bench -- presence --check",
    ),
    goals(
        "through Redis",
        &[REDIS],
        "cargo run --release --package portcullis-bench -- redis --check",
    ),
    goals(
        "over loopback",
        &[WRK],
        "cargo run --release --package portcullis-bench -- wire --check",
    ),
];

const fn goals(name: &'static str, needs: &'static [Tool], command: &'static str) -> Step {
    Step {
        name,
        needs,
        variables: &[],
        command,
        passes: Passes::OnSuccess,
    }
}

/// Microsoft's validator, and what it says. The package is the program itself.
pub(crate) const SARIF: &[Step] = &[
    Step {
        name: "install the validator",
        needs: &[NPM],
        variables: &[],
        command: "npm install --no-audit --no-fund --prefix target/tools @microsoft/sarif-multitool-linux@5.7.0",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "let it run",
        needs: &[],
        variables: &[],
        command: "chmod u+x target/tools/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool",
        passes: Passes::OnSuccess,
    },
    Step {
        name: "sarif",
        needs: &[NEXTEST],
        variables: &[],
        command: "cargo nextest run --package portcullis-tests --test siege --run-ignored only reports::",
        passes: Passes::OnSuccess,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_crate_by_the_start_of_its_line() {
        let tree = "hyper-example v0.1.0 (examples/hyper)\naxum-core v0.5.6\nmaxum v1.0.0";

        let found = lines_starting_with(tree, &["axum ", "axum-"]);

        assert_eq!(found, ["axum-core v0.5.6"]);
    }

    #[test]
    fn names_every_step_once() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), STEPS.len());
    }
}
