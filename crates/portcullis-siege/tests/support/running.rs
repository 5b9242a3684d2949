//! A server that a test starts, and what a siege finds in it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use portcullis_siege::{Intensity, Profile, Report, Siege, Target};

/// A server. Ended when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Running {
    /// Starts a program that prints its address at the end of its first line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("http://"), "{command:?} has not started");
        Self {
            child,
            url: line.trim().rsplit(' ').next().unwrap().to_owned(),
        }
    }

    pub(crate) async fn siege(&self, profile: Profile, only: &[&str]) -> Report {
        let target = Target::parse(&self.url, None).await.unwrap();
        // A machine may be slow: what is found must not depend on it.
        let mut allowance = Intensity::Quick.allowance();
        allowance.time = Duration::from_secs(300);
        let siege = Siege::new(target, profile).allowance(allowance);
        let siege = siege.only(only.iter().copied()).prepare().await.unwrap();
        siege.run(std::future::pending(), |_| {}).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
