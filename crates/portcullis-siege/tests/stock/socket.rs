//! A plain socket, and what comes back over it.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What a server sent back.
#[derive(Debug)]
pub(crate) struct Answers(String);

// ===== impl Answers =====

impl Answers {
    /// Sends bytes, and reads until the server is quiet.
    pub(crate) fn to(url: &str, bytes: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let (mut received, mut piece) = (Vec::new(), [0; 8192]);
        for _ in 0..READS {
            let wait = if received.is_empty() { FIRST } else { QUIET };
            stream.set_read_timeout(Some(wait)).unwrap();
            match stream.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(length) => received.extend_from_slice(&piece[..length]),
            }
        }
        Self(String::from_utf8_lossy(&received).into_owned())
    }

    /// The status of each answer.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let heads = self.0.split("HTTP/1.").skip(1);
        let statuses = heads.filter_map(|head| head.get(2..5)?.parse().ok());
        statuses.collect()
    }

    /// How many answers have 200.
    pub(crate) fn served(&self) -> usize {
        let statuses = self.statuses();
        statuses.iter().filter(|status| **status == 200).count()
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether the first answer has a field.
    pub(crate) fn has(&self, field: &str) -> bool {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let start = format!("\n{field}:");
        head.to_ascii_lowercase().contains(&start)
    }
}

/// How long nothing comes, before an answer and after one.
const FIRST: Duration = Duration::from_secs(3);
const QUIET: Duration = Duration::from_millis(500);
const READS: usize = 100;
