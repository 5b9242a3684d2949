//! Which server is attacked, and whether it may be.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use http::{Uri, uri::InvalidUri};
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
        let wrong = |why: &str| Error::target(format!("{url}: {why}"));
        let uri: Uri = url
            .parse()
            .map_err(|error: InvalidUri| Error::target(url).because(error))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("only http:// can be attacked yet")),
            _ => return Err(wrong("a URL such as http://127.0.0.1:8080 is needed")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a URL without user and password is needed"));
        }
        let host = authority.host();
        if !is_loopback(host) && owned != Some(host) {
            return Err(Error::target(format!(
                "{host} is not this machine; attack only what is yours: --i-own-this-target {host}"
            )));
        }
        let port = authority.port_u16().unwrap_or(80);
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
