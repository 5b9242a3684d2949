//! `portcullis siege`, on servers that are not what one hopes for.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use portcullis_siege::Report;
use portcullis_tests::program::{Folder, Process, free_port, program, run};
use tokio::time::Instant;

/// A listener that does this with each connection, and counts them.
fn listen(serve: fn(TcpStream)) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for io in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Relaxed);
            thread::spawn(move || serve(io));
        }
    });
    (url, count)
}

/// Reads heads, and answers each with these bytes.
fn answer(mut io: TcpStream, bytes: &[u8]) {
    let mut seen = [0; 4096];
    while matches!(io.read(&mut seen), Ok(1..)) {
        if io.write_all(bytes).is_err() {
            break;
        }
    }
}

/// A server of the gallery, and its address.
fn gallery(arguments: &[&str]) -> (Process, String) {
    let mut command = program("gallery");
    let command = command.args(arguments).stderr(Stdio::null());
    let (gallery, printed) = Process::until(command, "listening on ");
    let url = printed.last().unwrap().rsplit(' ').next().unwrap();
    (gallery, url.to_owned())
}

/// What the program says of a server, in so many seconds at most.
fn siege(url: &str, seconds: u64) -> Output {
    // Built before the clock starts.
    let mut command = program("portcullis");
    let command = command.args(["siege", url, "--max-seconds", &seconds.to_string()]);
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(seconds + 15),
        "it hangs"
    );
    let all = text(&output);
    assert!(
        !all.contains("panicked") && !all.contains("RUST_BACKTRACE"),
        "{all}"
    );
    output
}

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// It could not run, and says why in one line.
#[track_caller]
fn assert_could_not_run(output: &Output, why: &str) {
    let all = text(output);
    assert_eq!(output.status.code(), Some(2), "{all}");
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(all.contains(why), "{all}");
}

#[test]
fn a_server_that_is_down() {
    let output = siege(&format!("http://127.0.0.1:{}", free_port()), 10);

    assert_could_not_run(&output, "nothing listens there");
}

#[test]
fn a_server_that_accepts_and_says_nothing() {
    let (url, _) = listen(|io| {
        thread::sleep(Duration::from_secs(60));
        drop(io);
    });

    assert_could_not_run(&siege(&url, 10), "does not answer within");
}

#[test]
fn a_server_that_speaks_something_else() {
    let (url, _) = listen(|mut io| {
        let _ = io.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        answer(io, b"\x00\x01\xff protocol mismatch\r\n");
    });

    assert_could_not_run(&siege(&url, 10), "HTTP");
}

#[test]
fn a_server_that_closes_at_once() {
    let (url, _) = listen(|io| {
        let _ = io.shutdown(Shutdown::Both);
    });

    assert_could_not_run(&siege(&url, 10), "closes the connection");
}

/// It is never followed: the listener there would count it.
#[test]
fn a_server_that_redirects_elsewhere() {
    let (elsewhere, visits) =
        listen(|io| answer(io, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    ELSEWHERE.set(elsewhere).unwrap();
    let (url, _) = listen(|io| {
        let to = ELSEWHERE.get().unwrap();
        let moved = format!("HTTP/1.1 302 Found\r\nlocation: {to}/\r\ncontent-length: 0\r\n\r\n");
        answer(io, moved.as_bytes());
    });
    let output = siege(&url, 10);

    assert_could_not_run(&output, "redirects to");
    assert_eq!(visits.load(Relaxed), 0);
}

static ELSEWHERE: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[test]
fn a_server_that_dies_in_the_middle() {
    let (mut gallery, url) = gallery(&[]);
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_secs(3));
        gallery.0.kill().unwrap();
        gallery
    });
    let output = siege(&url, 60);
    let all = text(&output);
    drop(killer.join().unwrap());

    assert_eq!(output.status.code(), Some(1), "{all}");
    assert!(all.contains("the server no longer answers"), "{all}");
}

#[test]
fn another_machine_is_refused_at_once() {
    // An address that nobody has (RFC 5737), and a name that nobody has (RFC 6761).
    for url in ["http://192.0.2.1:80", "http://siege.invalid"] {
        let began = Instant::now();
        let output = run("portcullis", &["siege", url], &[]);

        assert_could_not_run(&output, "--i-own-this-target");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_budget_is_not_exceeded() {
    let (url, connections) =
        listen(|io| answer(io, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let arguments = [
        "siege",
        &url,
        "--max-connections",
        "50",
        "--max-requests",
        "70",
    ];
    let output = run(
        "portcullis",
        &[&arguments[..], &["--format", "json"]].concat(),
        &[],
    );
    let report = Report::from_json(&String::from_utf8(output.stdout).unwrap()).unwrap();

    assert!(report.spent.connections <= 50, "{:?}", report.spent);
    assert!(report.spent.requests <= 70, "{:?}", report.spent);
    // Two looks before the siege belong to no attack.
    let seen = connections.load(Relaxed);
    assert!(seen <= 52, "{seen} connections");
    assert!(report.stopped.unwrap().contains("is spent"));
}

#[test]
fn with_a_baseline_only_what_changed_is_shown() {
    let folder = Folder::new("baseline");
    let file = folder.path().join("before.json");
    let before = file.display().to_string();
    let siege = |fault: &[&str], more: &[&str]| {
        let (_gallery, url) = gallery(fault);
        let arguments = [&["siege", &url, "--only", "A11,A12"], more].concat();
        run("portcullis", &arguments, &[])
    };
    let first = siege(
        &["--fault", "host-twice-served"],
        &["--format", "json", "--output", &before],
    );
    assert_eq!(first.status.code(), Some(1), "{}", text(&first));

    let same = siege(&["--fault", "host-twice-served"], &["--baseline", &before]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
    assert!(text(&same).contains("nothing has changed"));
    let worse = siege(
        &["--fault", "host-missing-served"],
        &["--baseline", &before],
    );
    assert_eq!(worse.status.code(), Some(1));
    let shown = String::from_utf8(worse.stdout).unwrap();
    assert!(shown.contains("A11  held -> breached"), "{shown}");
    assert!(shown.contains("A12  breached -> held"), "{shown}");
    assert!(shown.contains("expected  400"), "{shown}");
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    let (gallery, url) = gallery(&[]);
    let mut command = program("portcullis");
    let command = command.args(["siege", &url]).stdout(Stdio::piped());
    let mut child: Child = command.stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    let id = child.id().to_string();
    run_kill(&["-INT", &id]);
    let began = Instant::now();
    let mut shown = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut shown)
        .unwrap();
    let code = child.wait().unwrap().code();

    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(shown.contains("it was interrupted"), "{shown}");
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    let port = url.rsplit(':').next().unwrap();
    assert_eq!(established(port), 0, "connections are left");
    drop(gallery);
}

fn run_kill(arguments: &[&str]) {
    let status = std::process::Command::new("kill").args(arguments).status();
    assert!(status.unwrap().success());
}

/// Connections to a port that are open at the side of the client (proc(5): state 01).
fn established(port: &str) -> usize {
    let port = format!("0100007F:{:04X}", port.parse::<u16>().unwrap());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&port) && fields.next() == Some("01")
    };
    table.lines().filter(is_open).count()
}

#[test]
fn mistakes_are_one_line() {
    for (arguments, why) in [
        (&["siege"][..], "which server?"),
        (&["siege", "ftp://127.0.0.1"], "a URL such as"),
        (&["siege", "https://127.0.0.1"], "only http://"),
        (&["siege", "127.0.0.1:80"], "a URL such as"),
        (&["siege", "http://127.0.0.1:1", "--only", "Z99"], "Z99"),
        (
            &["siege", "http://127.0.0.1:1", "--intensity", "hard"],
            "hard",
        ),
        (&["siege", "http://127.0.0.1:1", "--format", "pdf"], "pdf"),
        (
            &["siege", "http://127.0.0.1:1", "--max-requests", "-1"],
            "-1",
        ),
        (
            &["siege", "http://127.0.0.1:1", "--profile", "none.toml"],
            "none.toml",
        ),
        (
            &["siege", "http://127.0.0.1:1", "--route", "bdoy=/"],
            "bdoy",
        ),
        (
            &["siege", "http://127.0.0.1:1", "--key", "env:NO_SUCH_KEY"],
            "NO_SUCH_KEY",
        ),
        (&["siege", "http://127.0.0.1:1", "--bogus"], "bogus"),
        (&["siege", "http://127.0.0.1:99999"], "no such port"),
        (&["siege", "http://u:p@127.0.0.1"], "without user"),
        (
            &["siege", "http://127.0.0.1:1", "--key", "a\nb"],
            "line break",
        ),
        (
            &["siege", "http://127.0.0.1:1", "--output", "/none/a.json"],
            "/none/a.json",
        ),
    ] {
        assert_could_not_run(&run("portcullis", arguments, &[]), why);
    }
}

#[test]
fn a_profile_that_is_there_is_replaced_only_by_force() {
    let folder = Folder::new("init");
    let file = folder.path().join("siege.toml");
    std::fs::write(&file, "# by hand").unwrap();
    let (url, _) = listen(|io| answer(io, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let path = file.display().to_string();
    let init = |more: &[&str]| {
        let arguments = [&["siege", "init", &url, "--output", &path][..], more].concat();
        run("portcullis", &arguments, &[])
    };

    assert_could_not_run(&init(&[]), "--force");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# by hand");
    assert_eq!(init(&["--force"]).status.code(), Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().contains(&url));
}

#[test]
fn the_list_has_every_attack_and_a_place_for_what_is_to_come() {
    let list = text(&run("portcullis", &["siege", "--list"], &[]));

    for attack in portcullis_siege::CATALOGUE {
        assert!(
            list.contains(&format!("  {}  ", attack.id)),
            "{}",
            attack.id
        );
    }
    assert_eq!(list.matches("not examined yet").count(), 1);
    assert!(list.contains(&format!("{} attacks", portcullis_siege::CATALOGUE.len())));
    let page = run(
        "portcullis",
        &["siege", "--list", "--format", "markdown"],
        &[],
    );
    assert_eq!(
        text(&page),
        include_str!("../../../docs/siege-catalogue.md")
    );
}
