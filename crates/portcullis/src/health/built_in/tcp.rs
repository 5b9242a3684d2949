use portcullis_core::ConfigError;
use tokio::net::TcpStream;

use crate::health::check::Check;

impl Check {
    /// Creates a check that connects to a `host:port`, and hangs up. All addresses of the name are tried;
    /// the resolver is the system's.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no host and port, and for the port 0.
    ///
    /// ```
    /// use portcullis::{Health, health::Check};
    ///
    /// let health = Health::new().add_check(Check::tcp("redis", "redis.internal:6379")?);
    /// # let _ = health;
    /// assert_eq!(
    ///     Check::tcp("redis", "redis.internal").unwrap_err().to_string(),
    ///     "health: check \"redis\": \"redis.internal\" is not a host and a port",
    /// );
    /// # Ok::<(), portcullis::ConfigError>(())
    /// ```
    pub fn tcp(name: &str, address: &str) -> Result<Self, ConfigError> {
        if !is_address(address) {
            let problem = format!("health: check {name:?}: {address:?} is not a host and a port");
            return Err(ConfigError::new(problem));
        }
        let address = address.to_owned();
        Ok(Self::new(name, move || {
            let address = address.clone();
            async move { TcpStream::connect(address).await.map(drop) }
        }))
    }
}

fn is_address(text: &str) -> bool {
    let authority = text.parse::<http::uri::Authority>().ok();
    let has_user = text.contains('@');
    let port = authority.and_then(|authority| {
        let has_host = !authority.host().is_empty();
        authority.port_u16().filter(|port| has_host && *port != 0)
    });
    port.is_some() && !has_user
}
