//! The server: a child process on one core, which ends with its parent.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, ExitCode, Stdio},
    thread,
};

use tokio::{net::TcpListener, runtime, sync::oneshot};

use crate::{
    Outcome,
    stack::{Stack, Work},
};

/// A running server, stopped when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `serve STACK` on core 0 and waits for its address.
    pub(crate) fn start(stack: &Stack) -> Outcome<Self> {
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(std::env::current_exe()?)
            .args(["serve", stack.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("taskset: {error}"))?;
        let mut server = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let mut line = String::new();
        let stdout = server
            .child
            .stdout
            .take()
            .ok_or("the server has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        server.address = line.trim().parse()?;
        Ok(server)
    }

    /// Clock ticks that it has spent on a processor, as proc(5) gives them.
    pub(crate) fn ticks(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_name) = stat.rsplit_once(')').ok_or("not a stat line")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let [user, system] = fields.get(11..13).ok_or("a short stat line")? else {
            return Err("a short stat line".into());
        };
        Ok(user.parse::<f64>()? + system.parse::<f64>()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The inner command: serves one stack on loopback until standard input closes.
pub(crate) fn serve(stack: &Stack) -> Outcome<ExitCode> {
    let Work::Route { build, .. } = stack.work else {
        return Err(format!("{} is no router", stack.name).into());
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let service = build().into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            served = axum::serve(listener, service) => served?,
            _ = input_closed() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Comes when standard input closes, as it does when the parent ends.
fn input_closed() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    receiver
}
