//! What was typed.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use lexopt::{Arg, Parser, ValueExt};
use portcullis::{ConfigError, audit::Anchor};
use portcullis_siege::Intensity;

use crate::key::NewKey;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    KeyHelp,
    KeyNew(NewKey),
    KeyCheck,
    AuditVerify(AuditArguments),
    SiegeHelp,
    SiegeList(Format),
    SiegeSchema,
    Siege(Box<SiegeArguments>),
    SiegeInit(Box<SiegeArguments>),
}

/// A file of audit events to verify, as it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditArguments {
    pub(crate) file: PathBuf,
    pub(crate) key: Option<String>,
    pub(crate) anchor: Option<Anchor>,
}

/// A siege, as it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SiegeArguments {
    pub(crate) url: Option<String>,
    pub(crate) profile: Option<PathBuf>,
    pub(crate) key: Option<String>,
    pub(crate) key_header: Option<String>,
    pub(crate) owned: Option<String>,
    pub(crate) intensity: Intensity,
    pub(crate) only: Vec<String>,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    /// Whether a profile that is there may be replaced.
    pub(crate) force: bool,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) time: Option<Duration>,
    pub(crate) requests: Option<u64>,
    pub(crate) connections: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) routes: Vec<(String, String)>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Junit,
    Sarif,
    Markdown,
    Html,
}

// ===== impl Command =====

impl Command {
    /// Reads the arguments, without the program's own name.
    pub(crate) fn parse(
        arguments: impl Iterator<Item = impl Into<OsString>>,
    ) -> Result<Self, ConfigError> {
        let mut parser = Parser::from_args(arguments.map(Into::into));
        let words = Self::read(&mut parser);
        words.map_err(|error| ConfigError::new(error.to_string()))
    }

    fn read(parser: &mut Parser) -> Result<Self, lexopt::Error> {
        match parser.next()? {
            None => Err("nothing to do; see `portcullis help`".into()),
            Some(Arg::Short('h') | Arg::Long("help")) => Ok(Self::Help),
            Some(Arg::Short('V') | Arg::Long("version")) => Ok(Self::Version),
            Some(Arg::Value(word)) => match word.string()?.as_str() {
                "help" => Ok(Self::Help),
                "siege" => Self::siege(parser),
                "key" => Self::key(parser),
                "audit" => match parser.next()? {
                    Some(Arg::Value(word)) if word == "verify" => Self::audit_verify(parser),
                    _ => Err("audit: only `audit verify` is known; see `portcullis help`".into()),
                },
                other => Err(format!("{other:?} is no command; see `portcullis help`").into()),
            },
            Some(other) => Err(other.unexpected()),
        }
    }

    fn key(parser: &mut Parser) -> Result<Self, lexopt::Error> {
        match parser.next()? {
            Some(Arg::Short('h') | Arg::Long("help")) => Ok(Self::KeyHelp),
            Some(Arg::Value(word)) if word == "new" => Ok(Self::KeyNew(NewKey::read(parser)?)),
            Some(Arg::Value(word)) if word == "check" => match parser.next()? {
                None => Ok(Self::KeyCheck),
                Some(_) => Err("key check: the key comes from standard input".into()),
            },
            _ => {
                Err("key: `key new` and `key check` are known; see `portcullis key --help`".into())
            }
        }
    }

    fn audit_verify(parser: &mut Parser) -> Result<Self, lexopt::Error> {
        let (mut file, mut audit) = (None, AuditArguments::default());
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(path) if file.is_none() => file = Some(path),
                Arg::Long("key") => audit.key = Some(variable(&parser.value()?.string()?)?),
                Arg::Long("anchor") => audit.anchor = Some(parser.value()?.parse()?),
                other => return Err(other.unexpected()),
            }
        }
        audit.file = file.ok_or("audit verify: which file?")?.into();
        Ok(Self::AuditVerify(audit))
    }

    fn siege(parser: &mut Parser) -> Result<Self, lexopt::Error> {
        let (mut siege, mut is_list) = (SiegeArguments::default(), false);
        let mut is_init = false;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(Self::SiegeHelp),
                Arg::Short('V') | Arg::Long("version") => return Ok(Self::Version),
                Arg::Long("list") => is_list = true,
                Arg::Long("force") => siege.force = true,
                Arg::Long("schema") => return Ok(Self::SiegeSchema),
                Arg::Value(word) if word == "init" && !is_init => is_init = true,
                Arg::Value(url) if siege.url.is_none() => siege.url = Some(url.string()?),
                Arg::Long(name) => {
                    let name = name.to_owned();
                    siege.option(&name, parser)?;
                }
                other => return Err(other.unexpected()),
            }
        }
        if siege.force && !is_init {
            return Err("--force: only `siege init` has it".into());
        }
        Ok(if is_list {
            Self::SiegeList(siege.format)
        } else if is_init {
            Self::SiegeInit(Box::new(siege))
        } else {
            Self::Siege(Box::new(siege))
        })
    }
}

// ===== impl SiegeArguments =====

impl SiegeArguments {
    fn option(&mut self, name: &str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        let mut value = || parser.value();
        match name {
            "profile" => self.profile = Some(value()?.into()),
            "key" => self.key = Some(value()?.string()?),
            "key-header" => self.key_header = Some(value()?.string()?),
            "route" => self.routes.push(route(&value()?.string()?)?),
            "only" => self
                .only
                .extend(value()?.string()?.split(',').map(str::to_owned)),
            "intensity" => self.intensity = value()?.parse_with(intensity)?,
            "i-own-this-target" => self.owned = Some(value()?.string()?),
            "max-seconds" => self.time = Some(Duration::from_secs(value()?.parse()?)),
            "max-requests" => self.requests = Some(value()?.parse()?),
            "max-connections" => self.connections = Some(value()?.parse()?),
            "max-bytes" => self.bytes = Some(value()?.parse()?),
            "format" => self.format = value()?.parse_with(format)?,
            "output" => self.output = Some(value()?.into()),
            "baseline" => self.baseline = Some(value()?.into()),
            _ => return Err(Arg::Long(name).unexpected()),
        }
        Ok(())
    }
}

/// A key that was typed would be in the history of the shell.
fn variable(text: &str) -> Result<String, lexopt::Error> {
    match text.strip_prefix("env:") {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("--key: the name of a variable is needed: env:NAME".into()),
    }
}

fn route(text: &str) -> Result<(String, String), lexopt::Error> {
    match text.split_once('=') {
        Some((name, path)) if path.starts_with('/') => Ok((name.to_owned(), path.to_owned())),
        _ => Err(format!("--route {text}: NAME=/PATH is needed").into()),
    }
}

fn intensity(text: &str) -> Result<Intensity, &'static str> {
    match text {
        "quick" => Ok(Intensity::Quick),
        "full" => Ok(Intensity::Full),
        _ => Err("it is quick or full"),
    }
}

fn format(text: &str) -> Result<Format, &'static str> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        "junit" => Ok(Format::Junit),
        "sarif" => Ok(Format::Sarif),
        "markdown" => Ok(Format::Markdown),
        "html" => Ok(Format::Html),
        _ => Err("it is text, json, junit, sarif, markdown or html"),
    }
}

#[cfg(test)]
mod tests;
