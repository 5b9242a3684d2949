//! `portcullis key`.

use std::{
    io::{self, Read},
    process::ExitCode,
};

use lexopt::{Arg, Parser, ValueExt};
use portcullis::{
    ConfigError, Scopes, Secret,
    api_key::{ApiKey, KeyHasher},
};

/// A key to make, as it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NewKey {
    prefix: Option<String>,
    id: Option<String>,
    name: Option<String>,
    tenant: Option<String>,
    scopes: Vec<String>,
    pepper: Option<String>,
}

// ===== impl NewKey =====

impl NewKey {
    pub(crate) fn read(parser: &mut Parser) -> Result<Self, lexopt::Error> {
        let mut key = Self::default();
        while let Some(argument) = parser.next()? {
            let name = match argument {
                Arg::Long(name) => name.to_owned(),
                other => return Err(other.unexpected()),
            };
            let mut value = || parser.value()?.string();
            match name.as_str() {
                "prefix" => key.prefix = Some(value()?),
                "id" => key.id = Some(value()?),
                "name" => key.name = Some(value()?),
                "tenant" => key.tenant = Some(value()?),
                "scope" => key.scopes.push(value()?),
                "pepper" => key.pepper = Some(value()?),
                _ => return Err(Arg::Long(&name).unexpected()),
            }
        }
        Ok(key)
    }

    /// Returns the key, once, and the lines that configure a server.
    pub(crate) fn describe(&self) -> Result<String, ConfigError> {
        self.check()?;
        let prefix = self.prefix.as_deref().unwrap_or("pk");
        let key = match &self.id {
            Some(id) => ApiKey::generate_with_id(prefix, id)?,
            None => ApiKey::generate(prefix)?,
        };
        let hasher = self.hasher()?;
        let digest = key.digest_by(&hasher).to_hex();
        let (text, id, algorithm) = (key.expose(), key.id(), hasher.name());
        let name = self.name.as_deref().or(self.id.as_deref());
        let name = name.unwrap_or("client");
        let fields = self.fields(name);
        Ok(format!(
            "The key. It is shown this once; give it to {name}:\n\
             {text}\n\
             \n\
             The line for a file of keys: its digest, no secret:\n\
             keys.{id} = {{ {fields}digest = \"{algorithm}:{digest}\" }}\n\
             \n\
             Or for a variable, which has no scopes:\n\
             API_KEYS={name}={algorithm}:{id}:{digest}\n"
        ))
    }

    fn hasher(&self) -> Result<KeyHasher, ConfigError> {
        match &self.pepper {
            Some(variable) => Ok(KeyHasher::hmac_sha256(&Secret::from_env(variable)?)),
            None => Ok(KeyHasher::sha256()),
        }
    }

    fn fields(&self, name: &str) -> String {
        let mut fields = format!("principal = {name:?}, ");
        if let Some(tenant) = &self.tenant {
            fields += &format!("tenant = {tenant:?}, ");
        }
        if !self.scopes.is_empty() {
            fields += &format!("scopes = {:?}, ", self.scopes);
        }
        fields
    }

    /// Everything that is wrong, at once.
    fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut add = |name: &str, result: Result<(), ConfigError>| {
            let found = result.map_err(|error| error.of(name)).err();
            problems.extend(
                found
                    .iter()
                    .flat_map(ConfigError::problems)
                    .map(str::to_owned),
            );
        };
        add("--name", check_name(self.name.as_deref()));
        add("--tenant", check_name(self.tenant.as_deref()));
        add("--scope", Scopes::try_new(&self.scopes).map(drop));
        let prefix = self.prefix.as_deref().unwrap_or("pk");
        let id = self.id.as_deref().unwrap_or("id");
        add("key new", ApiKey::generate_with_id(prefix, id).map(drop));
        ConfigError::check(problems)
    }
}

/// Whether both lines can hold it.
fn check_name(name: Option<&str>) -> Result<(), ConfigError> {
    let breaks =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '=' | '#' | '"' | '\\');
    let is_wrong = |name: &str| name.is_empty() || name.contains(breaks);
    if name.is_some_and(is_wrong) {
        let problem = "a name has no spaces, quotes, commas, `=` or `#`";
        return Err(ConfigError::new(problem));
    }
    Ok(())
}

/// Reads a key from standard input, and tells its id. It is never an argument, which others can see.
pub(crate) fn check() -> Result<(String, ExitCode), ConfigError> {
    let mut text = String::new();
    let read = io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| ConfigError::new(format!("standard input: {error}")))?;
    Ok(match ApiKey::parse(text.trim_end_matches(['\r', '\n'])) {
        Ok(key) => (format!("well-formed, id {}\n", key.id()), ExitCode::SUCCESS),
        Err(error) => (format!("{error}\n"), ExitCode::FAILURE),
    })
}

/// Of what is read, in bytes.
const LONGEST: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(line: &str) -> Result<String, ConfigError> {
        let mut parser = Parser::from_args(line.split_whitespace());
        NewKey::read(&mut parser).unwrap().describe()
    }

    #[test]
    fn the_line_for_the_file_is_one_that_the_file_reads() {
        let text = describe("--id alice --scope read --scope write --tenant acme").unwrap();
        let line = text.lines().find(|line| line.starts_with("keys.")).unwrap();
        let key = text.lines().find(|line| line.starts_with("pk_alice_"));

        assert!(line.starts_with("keys.alice = { principal = \"alice\", tenant = \"acme\", scopes = [\"read\", \"write\"], digest = \"sha256:"), "{line}");
        let path = std::env::temp_dir().join(format!("portcullis-cli-{}.toml", std::process::id()));
        std::fs::write(&path, line).unwrap();
        let keys = portcullis::api_key::KeyFile::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let record = keys.keys().record("alice").unwrap();
        assert_eq!(record.principal().scopes().to_string(), "read write");
        assert!(ApiKey::parse(key.unwrap()).is_ok());
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let error = describe("--id A --prefix P --scope a\\b --name x=y").unwrap_err();

        assert_eq!(error.problems().count(), 4, "{error}");
        let error = describe("--pepper PORTCULLIS_NOT_SET").unwrap_err();
        assert_eq!(error.to_string(), "PORTCULLIS_NOT_SET: is not set");
    }
}
