//! What the environment says.
//!
//! | variable | default | |
//! |---|---|---|
//! | `HOST`, `PORT` | `127.0.0.1`, `8080` | where to listen; port 0 takes a free one |
//! | `ENVIRONMENT` | `development` | or `production`: no demo key, no debug routes, a key is required |
//! | `API_KEYS`, `API_KEYS_FILE` | none | keys, or their digests; or a file of them (TOML), read again when it changes |
//! | `TOKEN_KEY` | a fresh one in development | a private key of Ed25519 in PEM: `/api/token` takes its tokens |
//! | `SIGNATURE_SECRET` | a fresh one in development | 32 bytes or more: `/api/signed` takes what is signed with it |
//! | `CORS_ORIGINS` | `https://app.example` in development | origins whose scripts may call, separated by commas |
//! | `AUDIT_FILE` | none | where audit events go |
//! | `LOG_FORMAT` | `text` | or `json`: how log lines and access lines are written, to standard error |
//! | `RATE_LIMIT_PER_SECOND` | 10 | for each address |
//! | `RATE_LIMIT_BURST` | the rate | |
//! | `RATE_LIMIT_HEALTH` | `false` | whether probes spend quota |
//! | `TRUSTED_PROXIES` | none | addresses and CIDR ranges, separated by commas |
//! | `BODY_LIMIT_BYTES` | 1048576 | |
//! | `DRAIN_SECONDS` | 20 | how long requests may take to end at the stop |
//! | `OTEL_*` | no export | see `portcullis_otel::Telemetry` |

use std::{
    env::{self, VarError},
    fmt::Display,
    str::FromStr,
    time::Duration,
};

use portcullis::{
    ConfigError, Quota,
    api_key::{ApiKey, KeyFile, Keys},
    cors::Cors,
    jwt::Jwt,
};

use crate::callers::{self, Issuer, Signatures};

#[cfg(test)]
mod tests;

/// What the environment says, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) environment: Environment,
    pub(crate) keys: Keys,
    pub(crate) key_file: Option<KeyFile>,
    pub(crate) demo_key: Option<ApiKey>,
    /// In development a fresh one, so that tokens can be tried.
    pub(crate) issuer: Option<Issuer>,
    pub(crate) tokens: Option<Jwt>,
    pub(crate) signatures: Option<Signatures>,
    pub(crate) cors: Option<Cors>,
    /// As they are written.
    pub(crate) cors_origins: String,
    pub(crate) audit_file: String,
    pub(crate) log_format: LogFormat,
    pub(crate) quota: Quota,
    pub(crate) limit_probes: bool,
    pub(crate) trusted_proxies: String,
    pub(crate) body_limit: u64,
    pub(crate) drain: Duration,
}

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Development,
    Production,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

// ===== impl Config =====

impl Config {
    /// Reads the environment, and says everything that is wrong with it at once.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| match env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            // Not a right value of anything.
            Err(VarError::NotUnicode(_)) => Some("\u{fffd}".to_owned()),
        })
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut read = Reader {
            variable,
            problems: Vec::new(),
        };
        let environment = read.or("ENVIRONMENT", Environment::Development);
        let rate = read.or("RATE_LIMIT_PER_SECOND", 10);
        let burst = read.or("RATE_LIMIT_BURST", rate);
        let quota = Quota::new(rate, Duration::from_secs(1)).and_then(|q| q.try_burst(burst));
        let (keys, key_file) = read.keys(environment);
        let issuer = read.issuer(environment);
        let tokens = issuer.as_ref().map(Issuer::guard).transpose();
        let origins = read.or("CORS_ORIGINS", environment.cors_origins().to_owned());
        let config = Self {
            host: read.or("HOST", "127.0.0.1".to_owned()),
            port: read.or("PORT", 8080),
            environment,
            quota: read.checked(quota).unwrap_or(Quota::per_second(10)),
            limit_probes: read.or("RATE_LIMIT_HEALTH", false),
            trusted_proxies: read.or("TRUSTED_PROXIES", String::new()),
            body_limit: read.or("BODY_LIMIT_BYTES", 1 << 20),
            drain: Duration::from_secs(read.or("DRAIN_SECONDS", 20)),
            demo_key: None,
            tokens: read.checked(tokens).flatten(),
            issuer,
            signatures: read.signatures(environment),
            cors: read.cors(&origins),
            cors_origins: origins,
            audit_file: read.or("AUDIT_FILE", String::new()),
            log_format: read.or("LOG_FORMAT", LogFormat::Text),
            keys: keys.unwrap_or_default(),
            key_file,
        };
        ConfigError::check(read.problems)?;
        config.with_demo_key()
    }

    pub(crate) fn is_development(&self) -> bool {
        self.environment == Environment::Development
    }

    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// In development nobody waits for a load balancer.
    pub(crate) fn grace(&self) -> Duration {
        match self.environment {
            Environment::Development => Duration::ZERO,
            Environment::Production => Duration::from_secs(5),
        }
    }

    /// In development there is a fresh key, so that everything can be tried at once; not beside a file of keys,
    /// which is read again and has all of them.
    fn with_demo_key(mut self) -> Result<Self, ConfigError> {
        if self.is_development() && self.key_file.is_none() {
            let key = ApiKey::generate("demo")?;
            self.keys = self.keys.and("demo", &key);
            self.demo_key = Some(key);
        }
        Ok(self)
    }
}

// ===== impl Environment =====

impl Environment {
    /// In development there is one, so that preflights can be tried. No site can have its name.
    const fn cors_origins(self) -> &'static str {
        match self {
            Self::Development => "https://app.example",
            Self::Production => "",
        }
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("it is development or production"),
        }
    }
}

// ===== impl LogFormat =====

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it is text or json"),
        }
    }
}

/// Reads variables and gathers what is wrong with them.
struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        let Some(text) = (self.variable)(name).filter(|text| !text.is_empty()) else {
            return default;
        };
        text.parse().unwrap_or_else(|error| {
            self.problems.push(format!("{name}: {text:?}: {error}"));
            default
        })
    }

    /// The keys, and the file that they are from.
    fn keys(&mut self, environment: Environment) -> (Option<Keys>, Option<KeyFile>) {
        let text = (self.variable)("API_KEYS").filter(|text| !text.is_empty());
        let path = (self.variable)("API_KEYS_FILE").filter(|path| !path.is_empty());
        let keys = match (text, path) {
            (Some(text), None) => Keys::parse(&text),
            (None, Some(path)) => {
                let file = self.checked(KeyFile::open(path));
                return (file.as_ref().map(|file| file.keys().clone()), file);
            }
            (Some(_), Some(_)) => Err(ConfigError::new("API_KEYS and API_KEYS_FILE: set only one")),
            (None, None) if environment == Environment::Production => Err(ConfigError::new(
                "in production a key is required: set API_KEYS or API_KEYS_FILE; \
                 `portcullis key new` makes one",
            )),
            (None, None) => return (None, None),
        };
        (self.checked(keys), None)
    }

    fn issuer(&mut self, environment: Environment) -> Option<Issuer> {
        let text = (self.variable)("TOKEN_KEY").filter(|text| !text.is_empty());
        let issuer = match text {
            Some(text) => Issuer::from_pem(&text).map_err(|error| of("TOKEN_KEY", &error)),
            None if environment == Environment::Development => Issuer::fresh(),
            None => return None,
        };
        self.checked(issuer)
    }

    fn signatures(&mut self, environment: Environment) -> Option<Signatures> {
        let text = (self.variable)("SIGNATURE_SECRET").filter(|text| !text.is_empty());
        let is_development = environment == Environment::Development;
        let secret = text.or_else(|| is_development.then(callers::secret))?;
        let both = Signatures::new(&secret);
        self.checked(both.map_err(|error| of("SIGNATURE_SECRET", &error)))
    }

    fn cors(&mut self, origins: &str) -> Option<Cors> {
        if origins.is_empty() {
            return None;
        }
        let cors = Cors::builder(origins.split(','))
            .methods(["GET", "HEAD", "POST"])
            .request_headers(["authorization", "content-type", "x-api-key"])
            .build();
        self.checked(cors)
    }

    fn checked<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        let problems = result.as_ref().err().map(ConfigError::problems);
        let problems: Vec<_> = problems.into_iter().flatten().map(str::to_owned).collect();
        self.problems.extend(problems);
        result.ok()
    }
}

/// The same problem, with the variable that has it.
fn of(name: &str, error: &ConfigError) -> ConfigError {
    ConfigError::new(format!("{name}: {error}"))
}

/// Limits of connections that a person at the page can see act.
pub(crate) const IDLE: Duration = Duration::from_secs(15);
pub(crate) const WRITE: Duration = Duration::from_secs(10);
pub(crate) const CONNECTIONS: usize = 1000;
pub(crate) const CLIENT_CONNECTIONS: usize = 256;
