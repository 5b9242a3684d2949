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
             Lines for the end of a file of keys: its digest, no secret:\n\
             [keys.{id}]\n\
             {fields}digest = \"{algorithm}:{digest}\"\n\
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
        let mut fields = format!("principal = {name:?}\n");
        if let Some(tenant) = &self.tenant {
            fields += &format!("tenant = {tenant:?}\n");
        }
        if !self.scopes.is_empty() {
            fields += &format!("scopes = {:?}\n", self.scopes);
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
        add("--scope", check_scopes(&self.scopes));
        let prefix = self.prefix.as_deref().unwrap_or("pk");
        let id = self.id.as_deref().unwrap_or("id");
        add("key new", ApiKey::generate_with_id(prefix, id).map(drop));
        ConfigError::check(problems)
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), ConfigError> {
    let has_several = scopes.iter().any(|scope| scope.contains(' '));
    let checked = Scopes::try_new(scopes).map(drop);
    checked.map_err(|error| {
        if has_several {
            error.and(ConfigError::new("one each: --scope read --scope write"))
        } else {
            error
        }
    })
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
    use portcullis::api_key::Keys;

    use super::*;

    fn describe(line: &str) -> Result<String, ConfigError> {
        let mut parser = Parser::from_args(line.split_whitespace());
        NewKey::read(&mut parser).unwrap().describe()
    }

    /// The lines for a file of keys.
    fn block(text: &str) -> &str {
        let (_, block) = text.split_once("no secret:\n").unwrap();
        block.split_once("\n\n").unwrap().0
    }

    #[test]
    fn the_lines_for_the_file_are_some_that_the_file_reads() {
        let text = describe("--id alice --scope read --scope write --tenant acme").unwrap();
        let block = block(&text);
        let key = text.lines().find(|line| line.starts_with("pk_alice_"));

        let (fields, digest) = block.split_once("digest = ").unwrap();
        assert_eq!(
            fields,
            "[keys.alice]\nprincipal = \"alice\"\ntenant = \"acme\"\nscopes = [\"read\", \"write\"]\n"
        );
        assert!(digest.starts_with("\"sha256:"), "{digest}");
        let keys = Keys::from_toml(block).unwrap();
        let record = keys.record("alice").unwrap();
        assert_eq!(record.principal().scopes().to_string(), "read write");
        assert!(ApiKey::parse(key.unwrap()).is_ok());
    }

    #[test]
    fn the_lines_may_come_after_any_file_of_keys() {
        let [one, two] = ["--id one", "--id two"].map(|line| describe(line).unwrap());
        let digest = block(&one).lines().last().unwrap();
        let dotted = format!("keys.zero = {{ {digest} }}\n");
        let file = [&*dotted, block(&one), block(&two)].join("\n");

        assert_eq!(Keys::from_toml(&file).unwrap().len(), 3);
    }

    #[test]
    fn several_scopes_are_one_each() {
        let mut parser = Parser::from_args(["--scope", "read write"]);
        let error = NewKey::read(&mut parser).unwrap().describe().unwrap_err();

        assert_eq!(
            error.to_string(),
            "--scope: \"read write\" is not a scope; --scope: one each: --scope read --scope write"
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let error = describe("--id A --prefix P --scope a\\b --name x=y").unwrap_err();

        assert_eq!(error.problems().count(), 4, "{error}");
        let error = describe("--pepper PORTCULLIS_NOT_SET").unwrap_err();
        assert_eq!(error.to_string(), "PORTCULLIS_NOT_SET: is not set");
    }
}
