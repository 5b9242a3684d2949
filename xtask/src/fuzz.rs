//! `cargo xtask fuzz [SECONDS [TARGET]]`: looks for input that breaks what reads credentials.
//!
//! The targets are those of `fuzz/`, which `cargo fuzz` runs too. They are built here without it, once for
//! all, by the stable compiler: libFuzzer needs no sanitizer to see what was reached, and there is no
//! `unsafe` to look into. A run begins with a copy of the corpus, so that it leaves the tree as it was. A
//! short one begins with that alone; one of so many seconds goes on where the last one ended.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// The error is for a reader.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where the targets are built.
struct Build {
    cargo: String,
    triple: String,
}

/// How long each target runs, and on what.
#[derive(Clone, Copy)]
struct Run {
    seconds: u32,
    /// Below [`DIRECTORY`].
    corpus: &'static str,
    verbosity: u8,
}

/// Runs all targets for a short time.
pub(crate) fn short() -> ExitCode {
    let fresh = match fs::remove_dir_all(Path::new(DIRECTORY).join(SHORT.corpus)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    };
    exit_code(fresh.and_then(|()| fuzz(None, SHORT)))
}

/// Runs all targets, or one, for so many seconds each.
pub(crate) fn long(seconds: &str, only: Option<&str>) -> ExitCode {
    let seconds = seconds.parse().map_err(Into::into);
    exit_code(seconds.and_then(|seconds| fuzz(only, Run { seconds, ..LONG })))
}

fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz(only: Option<&str>, run: Run) -> Result<()> {
    let targets = targets(only)?;
    let build = Build::new()?;
    build.run()?;
    for target in targets {
        let artifacts = format!("{DIRECTORY}/artifacts/{target}/");
        fs::create_dir_all(&artifacts)?;
        let mut command = Command::new(build.program(&target));
        command
            .args(LIMITS)
            .arg(format!("-max_total_time={}", run.seconds))
            .arg(format!("-verbosity={}", run.verbosity))
            .arg(format!("-artifact_prefix={artifacts}"));
        let dictionary = format!("fuzz/dictionaries/{target}.dict");
        if Path::new(&dictionary).exists() {
            command.arg(format!("-dict={dictionary}"));
        }
        succeeds(command.arg(copy_of_corpus(&target, run)?))?;
    }
    Ok(())
}

/// Returns the names of the targets, in order.
fn targets(only: Option<&str>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("fuzz/fuzz_targets")? {
        let name = entry?.path();
        names.extend(name.file_stem().map(|name| name.to_string_lossy().into()));
    }
    names.sort_unstable();
    if let Some(only) = only {
        names.retain(|name| name == only);
    }
    if names.is_empty() {
        return Err("there is no such target in fuzz/fuzz_targets".into());
    }
    Ok(names)
}

/// What earlier runs found is there too, unless it was removed.
fn copy_of_corpus(target: &str, run: Run) -> io::Result<PathBuf> {
    let copy = Path::new(DIRECTORY).join(run.corpus).join(target);
    fs::create_dir_all(&copy)?;
    for entry in fs::read_dir(Path::new("fuzz/corpus").join(target))? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    Ok(copy)
}

fn succeeds(command: &mut Command) -> Result<()> {
    println!("$ {command:?}");
    if command.status()?.success() {
        Ok(())
    } else {
        Err("it failed".into())
    }
}

// ===== impl Build =====

impl Build {
    fn new() -> io::Result<Self> {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let version = Command::new("rustc").arg("-vV").output()?.stdout;
        let version = String::from_utf8_lossy(&version);
        let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
        let triple = triple.ok_or_else(|| io::Error::other("rustc names no host"))?;
        Ok(Self {
            cargo,
            triple: triple.to_owned(),
        })
    }

    /// With `--target`, so that what runs while it builds is not built so.
    fn run(&self) -> Result<()> {
        let mut command = Command::new(&self.cargo);
        command
            .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"])
            .args(["--target-dir", DIRECTORY, "--target", &self.triple])
            .env("RUSTFLAGS", COVERAGE);
        succeeds(&mut command)
    }

    fn program(&self, target: &str) -> PathBuf {
        Path::new(DIRECTORY)
            .join(&self.triple)
            .join("release")
            .join(target)
    }
}

const DIRECTORY: &str = "target/fuzz";

/// Long enough to try the corpus and what is near it.
const SHORT: Run = Run {
    seconds: 3,
    corpus: "short",
    verbosity: 0,
};

const LONG: Run = Run {
    seconds: 0,
    corpus: "corpus",
    verbosity: 1,
};

/// As `cargo fuzz` sets them.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// One input takes 5 seconds and 1 GiB at most; the same seed tries the same.
const LIMITS: [&str; 5] = [
    "-seed=1",
    "-max_len=4096",
    "-timeout=5",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_a_corpus() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for target in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
            let file = target.unwrap().path();
            let target = file.file_stem().unwrap().to_string_lossy().into_owned();

            assert!(manifest.contains(&format!("name = \"{target}\"")));
            let corpus = fuzz.join("corpus").join(&target);
            assert!(fs::read_dir(corpus).is_ok_and(|files| files.count() > 0));
        }
    }
}
