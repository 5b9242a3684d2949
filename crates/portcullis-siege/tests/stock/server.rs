//! A server as it comes: how it is started, and what is known of it.

use std::{
    ffi::OsStr,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use portcullis_siege::{Profile, Report};

use crate::{running::Running, socket::Answers};

/// A stock server.
#[derive(Clone, Copy)]
pub(crate) struct Stock {
    pub(crate) name: &'static str,
    pub(crate) start: fn() -> Server,
    /// What it breaches in each version that was looked at. One version may breach more.
    pub(crate) breaches: &'static [&'static str],
}

/// A stock server that runs. `/` is public and cheap.
pub(crate) struct Server {
    /// The route that reads a body.
    pub(crate) body: &'static str,
    running: Running,
    /// What it is in front of, and where its files are.
    behind: Option<(Running, PathBuf)>,
}

// ===== impl Server =====

impl Server {
    /// A program that prints its address.
    pub(crate) fn alone(body: &'static str, command: &mut Command) -> Self {
        Self {
            body,
            running: Running::start(command),
            behind: None,
        }
    }

    /// A program that listens on the port that it is told.
    pub(crate) fn on_port(body: &'static str, command: impl Fn(u16) -> Command) -> Self {
        let port = free_port();
        Self {
            body,
            running: listening(&command(port), port),
            behind: None,
        }
    }

    /// A program with a file of the gallery as its configuration, and Node's server behind `/app/`.
    pub(crate) fn in_front(config: &str, command: impl Fn(&Path) -> Command) -> Self {
        let (port, behind) = (free_port(), Running::start(&mut node("server.js")));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{config}-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let text = fs::read_to_string(file(config)).unwrap();
        let (_, its_port) = behind.url.rsplit_once(':').unwrap();
        let text = text
            .replace("{port}", &port.to_string())
            .replace("{behind}", its_port);
        fs::write(folder.join(config), text).unwrap();
        Self {
            body: "/app/",
            running: listening(command(&folder).current_dir(&folder), port),
            behind: Some((behind, folder)),
        }
    }

    /// Sends bytes on a connection of their own.
    pub(crate) fn send(&self, bytes: &[&str]) -> Answers {
        Answers::to(&self.running.url, &bytes.concat())
    }

    /// A whole siege, with what a person knows who never had one.
    pub(crate) async fn siege(&self) -> Report {
        let routes = format!("routes.control = '/'\nroutes.body = '{}'", self.body);
        self.running
            .siege(Profile::parse(&routes).unwrap(), &[])
            .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((_, folder)) = &self.behind {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// A file of `gallery/stock`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("gallery/stock")
        .join(name)
}

/// Where `cargo xtask test tests` installs what no package of Debian's has.
pub(crate) fn tool(path: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let tool = tools.join(path);
    assert!(
        tool.exists(),
        "{path} is not installed: cargo xtask test tests"
    );
    tool
}

/// Node with a file of `gallery/stock`.
pub(crate) fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(file(script));
    command
}

/// Starts a program that prints no address, and waits until it listens.
fn listening(command: &Command, port: u16) -> Running {
    let mut shell = Command::new("sh");
    let script = "echo http://127.0.0.1:$0; exec \"$@\" > /dev/null";
    shell.args([OsStr::new("-c"), script.as_ref(), port.to_string().as_ref()]);
    shell.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder).env("HOME", folder);
    }
    let running = Running::start(&mut shell);
    let listens = (0..400).any(|_| {
        thread::sleep(Duration::from_millis(50));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(listens, "{command:?} does not listen");
    running
}

/// A port below those that connections go out from.
fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 100) as u16 * 100;
    let mut ports = first..first + 100;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).unwrap()
}
