//! Why a siege can't be. Every message is one line.

use std::{error, fmt};

/// Why a siege can't be.
///
/// The message is one line, and has that of the [source](error::Error::source) at its end.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL is no target, or not one's own.
    Target,
    /// The profile is wrong, or what it names can't be read.
    Profile,
    /// No attack and no group has that name.
    UnknownAttack,
    /// The server can't be attacked: it is not there, or not what the profile says.
    Server,
    /// The text is not a report.
    Report,
}

type Source = Box<dyn error::Error + Send + Sync>;

// ===== impl Error =====

impl Error {
    /// Returns what it is about.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn target(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Target, message)
    }

    pub(crate) fn profile(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Profile, message)
    }

    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Server, message)
    }

    /// Adds what it comes from.
    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::{Profile, Report, Siege, Target};

    async fn prepare(url: &str, profile: &str, only: &str) -> Result<(), Error> {
        let target = Target::parse(url, None).await?;
        let siege = Siege::new(target, Profile::parse(profile)?);
        siege.only([only]).prepare().await?;
        Ok(())
    }

    #[tokio::test]
    async fn one_error_for_all_that_can_be_wrong() {
        let here = "http://127.0.0.1:1";
        let unset = "keys.valid = 'env:NO_SUCH_VARIABLE_HERE'";
        for (url, profile, only, kind, has_source) in [
            ("http://", "", "A", ErrorKind::Target, true),
            ("http://192.0.2.1", "", "A", ErrorKind::Target, false),
            (here, "url = 1", "A", ErrorKind::Profile, false),
            (here, unset, "A", ErrorKind::Profile, true),
            (here, "", "Z99", ErrorKind::UnknownAttack, false),
            (here, "", "A", ErrorKind::Server, false),
        ] {
            let error = prepare(url, profile, only).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(error.source().is_some(), has_source, "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        let error = Report::from_json("{").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Report);
    }
}
