//! Whom the client asked for.

use super::Exchange;
use crate::Scheme;

// ===== impl Exchange =====

impl Exchange {
    /// Returns the [host](Self::host) without brackets, and its port: the scheme's where none is sent
    /// (RFC 9110, section 4.2), and `None` where it is no number. These are `server.address` and
    /// `server.port` of OpenTelemetry's conventions.
    #[must_use]
    pub fn server(&self) -> Option<(&str, Option<u16>)> {
        let host = self.host().filter(|host| !host.is_empty())?;
        let default = match self.scheme {
            Scheme::Https => 443,
            _ => 80,
        };
        Some(split(host, default))
    }
}

fn split(host: &str, default: u16) -> (&str, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        // The last colon of an address without a port is within its brackets.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = match port {
        // `example.com:` has the default port (RFC 3986, section 3.2.3).
        None | Some("") => Some(default),
        Some(port) => port.parse().ok(),
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    (bare.unwrap_or(name), port)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_host_has_a_name_and_a_port() {
        for (host, parts) in [
            ("example.com", ("example.com", Some(443))),
            ("example.com:", ("example.com", Some(443))),
            ("example.com:8080", ("example.com", Some(8080))),
            ("[::1]", ("::1", Some(443))),
            ("[::1]:80", ("::1", Some(80))),
            ("example.com:99999", ("example.com", None)),
            ("a:b:c", ("a:b", None)),
        ] {
            assert_eq!(split(host, 443), parts, "{host}");
        }
    }
}
