//! Why a siege can't be. Every message is one line.

use std::{env::VarError, error::Error, fmt, io, path::PathBuf};

use http::uri::InvalidUri;

/// Why a URL is no target.
#[derive(Debug)]
#[non_exhaustive]
pub enum TargetError {
    /// It is no URL.
    Url(String, InvalidUri),
    /// It has no scheme, or one that is not HTTP's.
    NotHttp(String),
    /// TLS is not spoken yet.
    Https(String),
    /// It names no host.
    NoHost(String),
    /// It has a user or a password.
    UserInfo(String),
    /// The host is not this machine, and its owner has not named it.
    NotOwned(String),
    /// The host's name can't be looked up.
    LookUp(String, io::Error),
    /// The host has no address.
    NoAddress(String),
}

/// What is wrong with a profile.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProfileError {
    /// The TOML is not a profile, from this line on.
    Toml(usize, String),
    /// No route has that name.
    UnknownRoute(String),
    /// The path of the slow route has no place for the milliseconds.
    NoMilliseconds(String),
    /// A variable is not set, or is no text.
    Variable(String, VarError),
    /// What is given does not fit together: everything that is wrong.
    Wrong(String),
    /// A file can't be read: the setting that names it, and its path.
    File(&'static str, PathBuf, io::Error),
    /// The setting is no key that can sign.
    NoKey(&'static str),
}

/// Why a siege can't begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrepareError {
    /// No attack and no group has that name.
    UnknownAttack(String),
    /// The profile is wrong.
    Profile(ProfileError),
    /// Nothing listens there.
    Unreachable(String),
    /// The server closes the connection without an answer.
    Closes(String),
    /// The server accepts a connection, and does not answer.
    Silent(String),
    /// What the server sends is not HTTP/1.1.
    NotHttp(String),
    /// The server redirects to another one: its URL and the other's authority.
    Redirects(String, String),
    /// The control route is not answered: the server's URL and the path.
    NoControl(String, String),
    /// The control route does not serve: its path and its status.
    BadControl(String, u16),
    /// The valid key is refused: the path and the status.
    KeyRefused(String, u16),
}

/// Why a text is not a report.
#[derive(Debug)]
pub struct ReportError(pub(crate) serde_json::Error);

// ===== impl TargetError =====

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url, error) => write!(f, "{url}: {error}"),
            Self::NotHttp(url) => {
                write!(f, "{url}: a URL such as http://127.0.0.1:8080 is needed")
            }
            Self::Https(url) => write!(f, "{url}: only http:// can be attacked yet"),
            Self::NoHost(url) => write!(f, "{url}: no host"),
            Self::UserInfo(url) => {
                write!(f, "{url}: a URL without user and password is needed")
            }
            Self::NotOwned(host) => write!(
                f,
                "{host} is not this machine; attack only what is yours: --i-own-this-target {host}"
            ),
            Self::LookUp(host, error) => write!(f, "{host}: {error}"),
            Self::NoAddress(host) => write!(f, "{host}: no address"),
        }
    }
}

impl Error for TargetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Url(_, error) => Some(error),
            Self::LookUp(_, error) => Some(error),
            _ => None,
        }
    }
}

// ===== impl ProfileError =====

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toml(line, message) => write!(f, "line {line}: {message}"),
            Self::UnknownRoute(name) => write!(f, "{name}: no such route"),
            Self::NoMilliseconds(path) => write!(
                f,
                "routes.slow: {path}: {{ms}} is missing, in the place of the milliseconds"
            ),
            Self::Variable(name, error) => write!(f, "env:{name}: {error}"),
            Self::Wrong(problems) => f.write_str(problems),
            Self::File(name, path, error) => write!(f, "{name}: {}: {error}", path.display()),
            Self::NoKey(name) => write!(
                f,
                "{name}: not a private key of P-256, Ed25519 or RSA in PEM (PKCS #8)"
            ),
        }
    }
}

impl Error for ProfileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Variable(_, error) => Some(error),
            Self::File(_, _, error) => Some(error),
            _ => None,
        }
    }
}

// ===== impl PrepareError =====

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAttack(id) => {
                write!(f, "{id}: no such attack; see `portcullis siege --list`")
            }
            Self::Profile(error) => error.fmt(f),
            Self::Unreachable(target) => {
                write!(f, "{target} can't be reached: nothing listens there")
            }
            Self::Closes(target) => {
                write!(f, "{target} closes the connection without an answer")
            }
            Self::Silent(target) => write!(f, "{target} accepts, and does not answer within 4 s"),
            Self::NotHttp(target) => write!(f, "{target} does not speak HTTP/1.1"),
            Self::Redirects(target, other) => write!(
                f,
                "{target} redirects to {other}; attack that, or name a route here: routes.control"
            ),
            Self::NoControl(target, path) => write!(f, "{target} does not answer {path}"),
            Self::BadControl(path, status) => write!(
                f,
                "{path} answers {status}; name a route that serves: routes.control"
            ),
            Self::KeyRefused(path, status) => write!(
                f,
                "the valid key does not open {path}: it answers {status} (keys.valid, \
                 routes.protected)"
            ),
        }
    }
}

impl Error for PrepareError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Profile(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ProfileError> for PrepareError {
    fn from(error: ProfileError) -> Self {
        Self::Profile(error)
    }
}

// ===== impl ReportError =====

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a report: {}", self.0)
    }
}

impl Error for ReportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
