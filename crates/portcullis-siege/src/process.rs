//! The server's process, as Linux shows it; and servers of our own.

use std::{fs, process::Stdio, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{Target, context::Context, verdict::Failure};

/// A process on this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Process {
    id: u32,
}

/// A server of our own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) child: Child,
    pub(crate) context: Context,
}

// ===== impl Process =====

impl Process {
    pub(crate) const fn new(id: u32) -> Self {
        Self { id }
    }

    /// The one that listens on a port.
    pub(crate) fn listening(port: u16) -> Option<Self> {
        let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .find_map(|table| {
                let text = fs::read_to_string(table).ok()?;
                text.lines().find_map(|line| inode_of_listener(line, port))
            })?;
        let socket = format!("socket:[{inode}]");
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.find(|id| Self::new(*id).holds(&socket)).map(Self::new)
    }

    fn holds(self, socket: &str) -> bool {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.id)) else {
            return false;
        };
        let mut links = entries
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.to_str() == Some(socket))
    }

    /// Whether the server runs within the siege's own process.
    pub(crate) fn is_this(self) -> bool {
        self.id == std::process::id()
    }

    pub(crate) fn is_alive(self) -> bool {
        fs::metadata(format!("/proc/{}", self.id)).is_ok()
    }

    /// Time on a processor, in hundredths of a second.
    pub(crate) fn ticks(self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let user: u64 = fields.nth(11)?.parse().ok()?;
        Some(user + fields.next()?.parse::<u64>().ok()?)
    }

    /// Tells it to end, as a supervisor does.
    pub(crate) async fn terminate(self) -> Result<(), Failure> {
        let id = self.id.to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().await?;
        if killed.success() {
            Ok(())
        } else {
            Err(Failure::unclear("the process can't be signalled"))
        }
    }
}

// ===== impl Launched =====

impl Launched {
    /// Starts the command of the profile, perhaps through a shell line before it, and waits until
    /// it listens.
    pub(crate) async fn start(context: &Context, before: Option<&str>) -> Result<Self, Failure> {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let fill = |text: &String| text.replace("{port}", &port.to_string());
        let launch = &context.profile.launch;
        let words: Vec<_> = launch.command.iter().map(fill).collect();
        let mut command = match before {
            Some(line) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", &format!("{line} && exec \"$@\""), "sh"])
                    .args(&words);
                shell
            }
            None => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            }
        };
        command.envs(launch.env.iter().map(|(name, value)| (name, fill(value))));
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = quiet.kill_on_drop(true).spawn();
        let child =
            child.map_err(|error| Failure::not_tested(format!("launch.command: {error}")))?;
        let launched = Self {
            child,
            context: context.at(Target::local(([127, 0, 0, 1], port).into())),
        };
        launched.listens().await
    }

    async fn listens(self) -> Result<Self, Failure> {
        let address = self.context.target.address();
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        match timeout(Duration::from_secs(10), listening).await {
            Ok(()) => Ok(self),
            Err(_) => Err(Failure::not_tested(
                "launch.command does not listen on {port}",
            )),
        }
    }

    pub(crate) fn process(&self) -> Result<Process, Failure> {
        let id = self.child.id();
        id.map(Process::new)
            .ok_or_else(|| Failure::unclear("the server ended by itself"))
    }
}

fn inode_of_listener(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (_, hex) = local.rsplit_once(':')?;
    let is_it = *state == "0A" && u16::from_str_radix(hex, 16) == Ok(port);
    is_it.then(|| inode.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn finds_the_process_behind_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();

        let process = Process::listening(port).unwrap();

        assert_eq!(process, Process::new(std::process::id()));
        assert!(process.is_alive());
        assert!(process.ticks().is_some());
        drop(listener);
        assert_eq!(Process::listening(port), None);
    }
}
