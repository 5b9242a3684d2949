//! The line of a report that shows a breach again: a shell runs it, and sees the same.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use portcullis_siege::{Intensity, Outcome, Profile, Siege, Target, Verdict};

/// Faults of different groups, and the attacks that find them.
const FAULTS: [(&str, &str); 13] = [
    ("cl-te-kept-open", "A01"),
    ("host-twice-served", "A12"),
    ("forwarded-from-anyone", "D01"),
    ("key-in-query", "E06"),
    ("first-of-two-keys", "E07"),
    ("revoked-still-valid", "E10"),
    ("token-unchallenged", "F14"),
    ("limiter-race", "H02"),
    ("id-reflected", "I01"),
    ("body-chunked-unchecked", "J07"),
    ("csp-missing-on-404", "K01"),
    ("headers-twice", "K03"),
    ("preflight-headers-mirrored", "K08"),
];

#[tokio::test]
async fn a_shell_shows_again_what_a_report_says() {
    let folder = Folder::new();
    let mut kinds = HashSet::new();
    for (fault, attack) in FAULTS {
        let server = Server::start(fault);
        let outcome = breach(&folder, &server, attack).await;
        let Verdict::Breached { evidence } = &outcome.verdict else {
            panic!("{fault}: {:?}", outcome.verdict);
        };
        let line = &evidence.repeat;
        kinds.extend(line.split(' ').next().map(str::to_owned));
        assert!(!line.contains("4f9c2b7d1e8a"), "{fault}: {line}");
        let (code, printed) = folder.shell(line);
        if line.starts_with("portcullis ") {
            assert_eq!(code, Some(1), "{fault}: {line}\n{printed}");
            assert!(printed.contains(&outcome.id), "{fault}: {printed}");
        } else {
            let expected = statuses(&evidence.received.replace("\\r\\n", ""));
            assert_eq!(statuses(&printed), expected, "{fault}: {line}\n{printed}");
        }
    }
    let kinds_of_lines = ["curl", "portcullis", "printf"];
    assert!(kinds_of_lines.iter().all(|kind| kinds.contains(*kind)));
}

/// What came of one attack on a server, in a siege that knows how it was begun.
async fn breach(folder: &Folder, server: &Server, attack: &str) -> Outcome {
    let target = Target::parse(&server.url, None).await.unwrap();
    let mut allowance = Intensity::Quick.allowance();
    allowance.time = Duration::from_secs(300);
    let siege = Siege::new(target, Profile::parse(KNOWN).unwrap())
        .allowance(allowance)
        .only([attack])
        .repeat_with(format!(
            "portcullis siege {} --profile {}/siege.toml",
            server.url,
            folder.0.display()
        ));
    let report = siege.prepare().await.unwrap();
    let report = report.run(std::future::pending(), |_| {}).await;
    report.outcomes.into_iter().next().unwrap()
}

/// The statuses of answers, as HTTP writes them and as evidence does.
fn statuses(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("HTTP"));
    let words = lines.filter_map(|line| line.split_whitespace().nth(1));
    words.map(str::to_owned).collect()
}

/// A server of the gallery. Ended when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(fault: &str) -> Self {
        let mut command = Command::new(BUILT.join("examples/gallery"));
        let command = command.args(["--fault", fault]).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with the profile, and with the programs that lines name.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("again-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("siege.toml"), KNOWN).unwrap();
        let nc = folder.join("nc");
        fs::write(&nc, NC).unwrap();
        fs::set_permissions(&nc, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// Runs a line as a person would who has the keys.
    fn shell(&self, line: &str) -> (Option<i32>, String) {
        let programs = BUILT.display();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        let command = command
            .args(["-c", line])
            .env("PATH", format!("{}:{programs}:{path}", self.0.display()))
            .env("SIEGE_KEY", "gal_valid_4f9c2b7d1e8a6053")
            .env("SIEGE_KEY_REVOKED", "gal_revoked_4f9c2b7d1e8a6053")
            .env("SIEGE_KEY_EXPIRED", "gal_expired_4f9c2b7d1e8a6053")
            .env("SIEGE_KEY_UNSCOPED", "gal_unscoped_4f9c2b7d1e8a6053");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        (output.status.code(), printed.into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of what is built as this is. Cargo builds the gallery with the tests.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap();
    let release = built.file_name().is_some_and(|name| name == "release");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "portcullis-cli"]);
    cargo.args(release.then_some("--release"));
    assert!(cargo.status().unwrap().success(), "it can't be built");
    built.to_owned()
});

/// What lines want of it, where it is not installed.
const NC: &str = "\
#!/bin/bash
exec 3<>/dev/tcp/$1/$2
cat <&3 &
cat >&3
wait
";

const KNOWN: &str = include_str!("../examples/gallery/siege.toml");
