//! The programs the steps need, and where each comes from.

use crate::command::Command;

/// A program, named as its package is.
#[derive(Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) package: &'static str,
    pub(crate) source: Source,
    /// Succeeds where the tool is installed.
    probe: &'static str,
}

/// Who installs a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    Rustup,
    Apt,
    /// Into a virtual environment of its own, below `target`.
    Pip,
    /// Below `target` too.
    Npm,
    Cargo,
}

// ===== impl Tool =====

impl Tool {
    pub(crate) fn is_missing(&self) -> bool {
        !Command::new(self.probe).succeeds_quietly()
    }
}

// ===== impl Source =====

impl Source {
    pub(crate) const ALL: [Self; 5] = [Self::Rustup, Self::Apt, Self::Pip, Self::Npm, Self::Cargo];

    /// Whether this source can be used here, by this user.
    pub(crate) fn is_usable(self) -> bool {
        match self {
            Self::Rustup => Command::new("rustup --version").succeeds_quietly(),
            Self::Apt => is_root() && Command::new("apt-get --version").succeeds_quietly(),
            Self::Pip | Self::Npm | Self::Cargo => true,
        }
    }

    /// The commands that install `packages`.
    pub(crate) fn commands(self, packages: &[&'static str]) -> Vec<Command> {
        let packages = packages.iter().copied();
        match self {
            Self::Rustup => vec![Command::new("rustup component add").words(packages)],
            Self::Apt => vec![
                Command::new("apt-get update"),
                Command::new("apt-get install -y --no-install-recommends")
                    .variables(&[("DEBIAN_FRONTEND", "noninteractive")])
                    .words(packages),
            ],
            Self::Pip => vec![
                Command::new("python3 -m venv target/tools/python"),
                Command::new("target/tools/python/bin/pip install --quiet").words(packages),
            ],
            Self::Npm => vec![
                Command::new(
                    "npm install --ignore-scripts --no-audit --no-fund --prefix target/tools",
                )
                .words(packages),
            ],
            Self::Cargo => packages
                .map(|package| Command::new("cargo install --locked").words([package]))
                .collect(),
        }
    }
}

/// Without `unsafe` and without a dependency there is only the program to ask.
pub(crate) fn is_root() -> bool {
    Command::new("id -u")
        .output()
        .is_some_and(|user| user.trim() == "0")
}

pub(crate) const RUSTFMT: Tool = Tool {
    package: "rustfmt",
    source: Source::Rustup,
    probe: "cargo fmt --version",
};

pub(crate) const CLIPPY: Tool = Tool {
    package: "clippy",
    source: Source::Rustup,
    probe: "cargo clippy --version",
};

pub(crate) const NEXTEST: Tool = Tool {
    package: "cargo-nextest",
    source: Source::Cargo,
    probe: "cargo nextest --version",
};

pub(crate) const HACK: Tool = Tool {
    package: "cargo-hack",
    source: Source::Cargo,
    probe: "cargo hack --version",
};

pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    source: Source::Cargo,
    probe: "cargo deny --version",
};

/// Builds libFuzzer.
pub(crate) const GXX: Tool = Tool {
    package: "g++",
    source: Source::Apt,
    probe: "c++ --version",
};

pub(crate) const CHROMIUM: Tool = Tool {
    package: "chromium",
    source: Source::Apt,
    probe: "chromium --version",
};

pub(crate) const CHROMIUM_DRIVER: Tool = Tool {
    package: "chromium-driver",
    source: Source::Apt,
    probe: "chromedriver --version",
};

pub(crate) const CURL: Tool = Tool {
    package: "curl",
    source: Source::Apt,
    probe: "curl --version",
};

pub(crate) const JQ: Tool = Tool {
    package: "jq",
    source: Source::Apt,
    probe: "jq --version",
};

pub(crate) const NGINX: Tool = Tool {
    package: "nginx",
    source: Source::Apt,
    probe: "nginx -v",
};

pub(crate) const HAPROXY: Tool = Tool {
    package: "haproxy",
    source: Source::Apt,
    probe: "haproxy -v",
};

pub(crate) const CADDY: Tool = Tool {
    package: "caddy",
    source: Source::Apt,
    probe: "caddy version",
};

pub(crate) const REDIS: Tool = Tool {
    package: "redis",
    source: Source::Apt,
    probe: "redis-server --version",
};

/// Debian's package has `promtool` too.
pub(crate) const PROMETHEUS: Tool = Tool {
    package: "prometheus",
    source: Source::Apt,
    probe: "promtool --version",
};

/// Makes the environment below.
pub(crate) const PYTHON_VENV: Tool = Tool {
    package: "python3-venv",
    source: Source::Apt,
    probe: "python3 -m ensurepip --version",
};

/// An independent implementation of RFC 9421.
pub(crate) const HTTP_MESSAGE_SIGNATURES: Tool = Tool {
    package: "http-message-signatures==3.0.0",
    source: Source::Pip,
    probe: "target/tools/python/bin/pip show http-message-signatures",
};

/// What its requests are.
pub(crate) const REQUESTS: Tool = Tool {
    package: "requests==2.34.2",
    source: Source::Pip,
    probe: "target/tools/python/bin/pip show requests",
};

/// A collector of OpenTelemetry.
pub(crate) const ROTEL: Tool = Tool {
    package: "rotel==0.0.1a15",
    source: Source::Pip,
    probe: "target/tools/python/bin/pip show rotel",
};

/// A stock server that the siege is tested on, and its parser.
pub(crate) const UVICORN: Tool = Tool {
    package: "uvicorn==0.54.0",
    source: Source::Pip,
    probe: "target/tools/python/bin/pip show uvicorn",
};

pub(crate) const H11: Tool = Tool {
    package: "h11==0.16.0",
    source: Source::Pip,
    probe: "target/tools/python/bin/pip show h11",
};

/// A stock server too. Its dependencies are those of the day.
pub(crate) const EXPRESS: Tool = Tool {
    package: "express@5.3.0",
    source: Source::Npm,
    probe: "npm ls --prefix target/tools express@5.3.0",
};

pub(crate) const VALGRIND: Tool = Tool {
    package: "valgrind",
    source: Source::Apt,
    probe: "valgrind --version",
};

pub(crate) const WRK: Tool = Tool {
    package: "wrk",
    source: Source::Apt,
    // It fails even where it is only asked for its version.
    probe: "which wrk",
};

/// A server of the siege's gallery, as are the next two.
pub(crate) const PYTHON: Tool = Tool {
    package: "python3",
    source: Source::Apt,
    probe: "python3 --version",
};

pub(crate) const NODE: Tool = Tool {
    package: "nodejs",
    source: Source::Apt,
    probe: "node --version",
};

pub(crate) const GO: Tool = Tool {
    package: "golang-go",
    source: Source::Apt,
    probe: "go version",
};

pub(crate) const NPM: Tool = Tool {
    package: "npm",
    source: Source::Apt,
    probe: "npm --version",
};
