//! Which server is attacked, and whether it may be.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use http::{
    Uri,
    uri::{Authority, InvalidUri},
};
use tokio::net::{TcpStream, lookup_host};

use crate::Error;

/// The server under attack: `http://` and an authority. A path is what the control client requests.
#[derive(Clone, Debug)]
pub struct Target {
    authority: String,
    path: Option<String>,
    address: SocketAddr,
}

// ===== impl Target =====

impl Target {
    /// Reads a URL. A host that is not this machine is refused, before anything is sent and before
    /// its name is looked up, unless `owned` is that very host.
    ///
    /// # Errors
    ///
    /// Fails if it is no URL of HTTP, if the host is refused, or if its name has no address.
    pub async fn parse(url: &str, owned: Option<&str>) -> Result<Self, Error> {
        let (uri, authority, port) = parts(url)?;
        let host = authority.host();
        if !is_loopback(host) && owned != Some(host) {
            return Err(Error::target(format!(
                "{host} is not this machine; attack only what is yours: --i-own-this-target {host}"
            )));
        }
        Ok(Self {
            authority: authority.to_string(),
            path: Some(uri.path().to_owned()).filter(|path| path != "/"),
            address: address(host, port, owned.is_some()).await?,
        })
    }

    /// Creates a target on this machine.
    #[must_use]
    pub fn local(address: SocketAddr) -> Self {
        Self {
            authority: address.to_string(),
            path: None,
            address,
        }
    }

    /// Returns the host and the port, as in the Host header.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the path of the URL, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// What is wrong with a URL, if anything is.
pub(crate) fn problem(url: &str) -> Option<Error> {
    parts(url).err()
}

/// A URL, its authority, and its port.
fn parts(url: &str) -> Result<(Uri, Authority, u16), Error> {
    read(url).map_err(|error| match without_user(url) {
        Some(url) => Error::target(format!("{url}: a URL without user and password is needed")),
        None => error,
    })
}

fn read(url: &str) -> Result<(Uri, Authority, u16), Error> {
    let wrong = |why: &str| Error::target(format!("{url}: {why}"));
    let uri: Uri = url
        .parse()
        .map_err(|error: InvalidUri| Error::target(url).because(error))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(wrong("only http:// can be attacked yet")),
        _ => return Err(wrong("a URL such as http://127.0.0.1:8080 is needed")),
    }
    let authority = uri.authority().ok_or_else(|| wrong("no host"))?.clone();
    if authority.as_str().contains('@') {
        return Err(wrong("no user"));
    }
    let port = match &authority.as_str()[authority.host().len()..] {
        "" | ":" => Some(80),
        port => port[1..].parse().ok().filter(|port| *port != 0),
    };
    let port = port.ok_or_else(|| wrong("no such port: 1 to 65535"))?;
    Ok((uri, authority, port))
}

/// The text without what may be a password, for people; `None` if there is none.
fn without_user(url: &str) -> Option<String> {
    let (_, host) = url.rsplit_once('@')?;
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    Some(format!("{scheme}://..@{host}"))
}

/// Whether a host is this machine by its name alone.
fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || literal.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// `localhost` is never looked up: a resolver may say anything.
async fn address(host: &str, port: u16, owned: bool) -> Result<SocketAddr, Error> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(local(port).await);
    }
    debug_assert!(owned, "only a host that is owned is looked up");
    let found = lookup_host((host, port)).await;
    let mut found = found.map_err(|error| Error::target(host).because(error))?;
    let first = found.next();
    first.ok_or_else(|| Error::target(format!("{host}: no address")))
}

/// IPv4 unless only IPv6 answers.
async fn local(port: u16) -> SocketAddr {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let connects = async |address| TcpStream::connect(address).await.is_ok();
    if !connects(v4).await && connects(v6).await {
        v6
    } else {
        v4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takes_this_machine() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:9/health",
            "http://127.0.0.1/@me",
        ] {
            assert!(Target::parse(url, None).await.is_ok(), "{url}");
        }
    }

    #[tokio::test]
    async fn refuses_other_machines_without_the_flag_for_that_very_host() {
        for url in [
            "http://192.0.2.1",
            "http://example.test",
            "http://0.0.0.0",
            "http://localhost.example.test",
        ] {
            let refused = Target::parse(url, None).await.unwrap_err().to_string();
            assert!(refused.contains("--i-own-this-target"), "{refused}");
            assert!(Target::parse(url, Some("other.test")).await.is_err());
        }
        assert!(
            Target::parse("http://192.0.2.1:81", Some("192.0.2.1"))
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn no_password_is_shown() {
        for url in [
            "http://u:secret@127.0.0.1",
            "http://u:sec/secret@127.0.0.1:1",
            "http://u:secret word@127.0.0.1",
            "u:secret@127.0.0.1",
        ] {
            let problem = Target::parse(url, None).await.unwrap_err().to_string();
            assert!(problem.contains("without user"), "{problem}");
            assert!(!problem.contains("sec"), "{problem}");
        }
    }

    #[tokio::test]
    async fn a_port_is_one() {
        for port in ["99999", "0", "65536", "8080x"] {
            let url = format!("http://127.0.0.1:{port}");
            assert!(Target::parse(&url, None).await.is_err(), "{url}");
        }
        let problem = Target::parse("http://127.0.0.1:99999", None).await;
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains("no such port"), "{problem}");
    }

    #[tokio::test]
    async fn says_what_is_wrong_in_one_line() {
        for url in [
            "",
            "127.0.0.1:80",
            "https://127.0.0.1",
            "http://",
            "http://u:p@127.0.0.1",
            "ftp://127.0.0.1",
        ] {
            let problem = Target::parse(url, None).await.unwrap_err().to_string();
            assert!(!problem.contains('\n') && !problem.is_empty(), "{problem}");
        }
    }
}
