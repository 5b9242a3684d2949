//! The file of keys: TOML, read whole, with everything that is wrong in it.

use portcullis_core::{ConfigError, Principal, Quota, Scopes};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{KeyHasher, KeyRecord, KeySecret, key, record::MOST_SECRETS, value::Reader};

/// A key as the file has it.
#[derive(Default)]
struct Draft {
    principal: Option<String>,
    tenant: Option<String>,
    scopes: Scopes,
    roles: Scopes,
    labels: Vec<(String, String)>,
    quota: Option<Quota>,
    own: DraftSecret,
    secrets: Vec<KeySecret>,
    is_revoked: bool,
}

/// A secret as the file has it.
#[derive(Clone, Copy, Default)]
struct DraftSecret {
    secret: Option<KeySecret>,
    not_before: Option<u64>,
    expires: Option<u64>,
}

type Value<'t> = Spanned<DeValue<'t>>;

/// Reads a file of keys. Each problem has its line and field; no value is printed.
pub(super) fn parse(
    text: &str,
    hasher: &KeyHasher,
) -> Result<Vec<(Box<str>, KeyRecord)>, ConfigError> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text, &errors);
    let mut keys = Vec::new();
    for (name, value) in document.get_ref() {
        let name = name.get_ref().as_ref();
        match (name, value.get_ref()) {
            ("keys", DeValue::Table(table)) => {
                keys = reader.keys(table, hasher);
            }
            _ => reader.problem(value, name, "is not known here: it is `[keys.ID]`"),
        }
    }
    if keys.is_empty() && reader.is_content() {
        return Err(ConfigError::new("there is no key"));
    }
    reader.finish()?;
    Ok(keys)
}

// ===== impl Reader =====

impl<'t> Reader<'t> {
    fn keys(&mut self, table: &DeTable<'t>, hasher: &KeyHasher) -> Vec<(Box<str>, KeyRecord)> {
        let mut keys = Vec::new();
        for (id, value) in table {
            let id = id.get_ref().as_ref();
            let path = format!("keys.{id}");
            if let Err(error) = key::check_id(id) {
                self.problem(value, "keys", &error.to_string());
            } else if let Some(table) = self.table(value, &path) {
                let before = self.count();
                match self.draft(table, &path, hasher).finish(id) {
                    Ok(record) => keys.push((id.into(), record)),
                    Err(error) if self.count() == before => self.problems(value, &path, &error),
                    // It follows from what is wrong with a field.
                    Err(_) => {}
                }
            }
        }
        keys
    }

    fn draft(&mut self, table: &DeTable<'t>, path: &str, hasher: &KeyHasher) -> Draft {
        let mut draft = Draft::default();
        for (field, value) in table {
            let field = field.get_ref().as_ref();
            let path = format!("{path}.{field}");
            match field {
                "principal" => draft.principal = self.name(value, &path),
                "tenant" => draft.tenant = self.name(value, &path),
                "scopes" => draft.scopes = self.scopes(value, &path),
                "roles" => draft.roles = self.scopes(value, &path),
                "labels" => draft.labels = self.labels(value, &path),
                "quota" => draft.quota = self.quota(value, &path),
                "secrets" => draft.secrets = self.secrets(value, &path, hasher),
                "revoked" => draft.is_revoked = self.boolean(value, &path).unwrap_or_default(),
                "keys" => self.problem(value, &path, IS_TOO_LOW),
                _ => self.secret_field(&mut draft.own, field, value, &path, hasher),
            }
        }
        self.check_own(table, path, draft.own);
        draft
    }

    /// Checks the secret whose fields are the key's own: there are none beside a list of secrets.
    fn check_own(&mut self, table: &DeTable<'t>, path: &str, own: DraftSecret) {
        let has_list = table.keys().any(|field| field.get_ref() == "secrets");
        let never_opens = own.finish().is_some_and(|secret| secret.never_opens());
        for (field, value) in table {
            let field = field.get_ref().as_ref();
            let path = format!("{path}.{field}");
            match field {
                "digest" | "not_before" | "expires" if has_list => {
                    self.problem(value, &path, "belongs to each of its secrets");
                }
                "expires" if never_opens => self.problem(value, &path, NEVER_OPENS),
                _ => {}
            }
        }
    }

    fn secrets(&mut self, value: &Value<'t>, path: &str, hasher: &KeyHasher) -> Vec<KeySecret> {
        let mut secrets = Vec::new();
        let array = self.array(value, path);
        if array.len() > MOST_SECRETS {
            self.problem(value, path, "a key has at most 4 secrets");
        }
        for (at, value) in array.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if let Some(table) = self.table(value, &path)
                && let Some(secret) = self.secret(table, value, &path, hasher)
            {
                secrets.push(secret);
            }
        }
        secrets
    }

    fn secret(
        &mut self,
        table: &DeTable<'t>,
        at: &Value<'t>,
        path: &str,
        hasher: &KeyHasher,
    ) -> Option<KeySecret> {
        let (mut draft, mut is_revoked) = (DraftSecret::default(), false);
        let before = self.count();
        for (field, value) in table {
            let field = field.get_ref().as_ref();
            let path = format!("{path}.{field}");
            if field == "revoked" {
                is_revoked = self.boolean(value, &path).unwrap_or_default();
            } else {
                self.secret_field(&mut draft, field, value, &path, hasher);
            }
        }
        let secret = draft.finish();
        if secret.is_none() && self.count() == before {
            self.problem(at, path, "has no digest");
        }
        if secret.is_some_and(|secret| secret.never_opens()) {
            self.problem(at, path, NEVER_OPENS);
        }
        secret.map(|secret| if is_revoked { secret.revoked() } else { secret })
    }

    fn secret_field(
        &mut self,
        draft: &mut DraftSecret,
        field: &str,
        value: &Value<'t>,
        path: &str,
        hasher: &KeyHasher,
    ) {
        match field {
            "digest" => draft.secret = self.digest(value, path, hasher),
            "not_before" => draft.not_before = self.date(value, path),
            "expires" => draft.expires = self.date(value, path),
            _ => self.problem(value, path, "is no field of a key"),
        }
    }

    fn digest(&mut self, value: &Value<'t>, path: &str, hasher: &KeyHasher) -> Option<KeySecret> {
        let text = self.string(value, path)?;
        match hasher.parse(text) {
            Ok(digest) => Some(KeySecret::new(digest)),
            Err(problem) => {
                self.problem(value, path, &problem);
                None
            }
        }
    }

    fn labels(&mut self, value: &Value<'t>, path: &str) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for (name, value) in self.table(value, path).into_iter().flatten() {
            let name = name.get_ref().as_ref();
            if let Some(text) = self.name(value, &format!("{path}.{name}")) {
                labels.push((name.to_owned(), text));
            }
        }
        labels
    }
}

// ===== impl Draft =====

impl Draft {
    fn finish(self, id: &str) -> Result<KeyRecord, ConfigError> {
        let secrets = self.own.finish().into_iter().chain(self.secrets);
        let name = self.principal.as_deref().unwrap_or(id);
        let mut principal = Principal::new(name)
            .with_key(id)
            .with_scopes(self.scopes)
            .with_roles(self.roles)
            .with_quota(self.quota);
        if let Some(tenant) = self.tenant {
            principal = principal.with_tenant(tenant);
        }
        for (name, value) in self.labels {
            principal = principal.with_label(name, value);
        }
        let record = KeyRecord::try_new(principal, secrets)?;
        Ok(if self.is_revoked {
            record.revoked()
        } else {
            record
        })
    }
}

// ===== impl DraftSecret =====

impl DraftSecret {
    fn finish(self) -> Option<KeySecret> {
        let mut secret = self.secret?;
        if let Some(unix) = self.not_before {
            secret = secret.not_before(unix);
        }
        if let Some(unix) = self.expires {
            secret = secret.expires(unix);
        }
        Some(secret)
    }
}

const IS_TOO_LOW: &str =
    "is no field of a key: a line `keys.ID = ..` stands above the first `[table]`";
const NEVER_OPENS: &str = "a secret expires before it opens";
