//! What every store of keys does, whatever it is made of.

use std::{
    convert::Infallible,
    future::poll_fn,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_core::{
    AuthScheme, Facts, Guard, ManualClock, Principal, Reason, Reply, Scopes, Verdict,
};

use super::{super::*, with};

const NOW: u64 = 1_800_000_000;

/// Keys that every store must have, under ids of their names.
struct Fixture {
    keys: Vec<(&'static str, ApiKey, KeyRecord)>,
}

impl Fixture {
    fn new() -> Self {
        let key = |id: &'static str| ApiKey::generate_with_id("pk", id).unwrap();
        let alice = || {
            Principal::new("alice")
                .with_scopes(Scopes::parse("read").unwrap())
                .with_tenant("acme")
        };
        let record = |key: &ApiKey, change: fn(KeySecret) -> KeySecret| {
            let secret = change(KeySecret::new(key.digest()));
            KeyRecord::try_new(alice(), [secret]).unwrap()
        };
        let keys = ["open", "early", "late", "revoked"].map(|id| {
            let key = key(id);
            let record = record(
                &key,
                match id {
                    "early" => |secret| secret.not_before(NOW + 1),
                    "late" => |secret| secret.expires(NOW),
                    "revoked" => KeySecret::revoked,
                    _ => |secret| secret,
                },
            );
            (id, key, record)
        });
        Self { keys: keys.into() }
    }

    fn record(&self, id: &str) -> Option<KeyRecord> {
        let mut keys = self.keys.iter();
        let (_, _, record) = keys.find(|(own, ..)| *own == id)?;
        Some(record.clone())
    }

    fn key(&self, id: &str) -> &ApiKey {
        let mut keys = self.keys.iter();
        &keys.find(|(own, ..)| *own == id).unwrap().1
    }

    fn in_memory(&self) -> Keys {
        let keys = Keys::default();
        for (id, _, record) in &self.keys {
            keys.insert(id, record.clone()).unwrap();
        }
        keys
    }

    fn in_a_file(&self) -> TestFile {
        let fields = |id: &str| match id {
            "early" => "not_before = 2027-01-15T08:00:01Z",
            "late" => "expires = 2027-01-15T08:00:00Z",
            "revoked" => "revoked = true",
            _ => "",
        };
        let mut text = String::new();
        for (id, key, _) in &self.keys {
            let digest = key.digest().to_hex();
            text += &format!(
                "[keys.{id}]\nprincipal = \"alice\"\ntenant = \"acme\"\nscopes = [\"read\"]\n\
                 digest = \"sha256:{digest}\"\n{}\n",
                fields(id)
            );
        }
        TestFile::new(&text)
    }
}

/// A file that is gone with the test.
pub(super) struct TestFile(pub(super) PathBuf);

impl TestFile {
    pub(super) fn new(text: &str) -> Self {
        let name = ApiKey::generate("pk").unwrap().id().to_owned();
        let path = std::env::temp_dir().join(format!("portcullis-{name}.toml"));
        let file = Self(path);
        file.write(text);
        file
    }

    /// Replaces the file at once.
    pub(super) fn write(&self, text: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What comes of a key: whose it is, or why not.
async fn judge(store: &Arc<dyn KeyStore>, key: &ApiKey) -> Result<Principal, Reason> {
    let guard = ApiKeyGuard::new(Arc::clone(store)).with_clock(&ManualClock::new(NOW));
    let sent = with(&[("x-api-key", key.expose().as_bytes())]);
    let (mut head, mut reply) = (sent.into_parts().0, Reply::default());
    let mut verdict = guard.admit(&mut head, &mut reply);
    while let Verdict::Defer(mut deferred) = verdict {
        verdict = poll_fn(|cx| deferred.poll(cx, &mut head, &mut reply)).await;
    }
    match verdict {
        Verdict::Reject(rejection) => Err(rejection.cause().unwrap().reason()),
        _ => Ok(Facts::of(&head.extensions).get().cloned().unwrap()),
    }
}

/// The contract.
async fn is_a_store(store: impl KeyStore, fixture: &Fixture) {
    let store: Arc<dyn KeyStore> = Arc::new(store);
    let alice = judge(&store, fixture.key("open")).await.unwrap();

    assert_eq!((alice.id(), alice.key_id()), ("alice", Some("open")));
    assert_eq!(
        (alice.tenant(), alice.scheme()),
        (Some("acme"), AuthScheme::ApiKey)
    );
    assert!(alice.scopes().contains("read"));
    for (id, reason) in [
        ("early", Reason::NotYetValid),
        ("late", Reason::Expired),
        ("revoked", Reason::Revoked),
    ] {
        assert_eq!(judge(&store, fixture.key(id)).await, Err(reason), "{id}");
        let other = ApiKey::with_id("pk", id);
        assert_eq!(
            judge(&store, &other).await,
            Err(Reason::WrongSecret),
            "{id}"
        );
    }
    let unknown = ApiKey::generate("pk").unwrap();
    assert_eq!(judge(&store, &unknown).await, Err(Reason::UnknownKey));
}

#[tokio::test]
async fn every_store_keeps_the_contract() {
    let fixture = Arc::new(Fixture::new());
    is_a_store(fixture.in_memory(), &fixture).await;
    let file = fixture.in_a_file();
    is_a_store(KeyFile::open(&file.0).unwrap(), &fixture).await;
    let known = Arc::clone(&fixture);
    is_a_store(move |id: &str| known.record(id), &fixture).await;
    let asked = Arc::clone(&fixture);
    let database = move |id: &str| {
        let record = asked.record(id);
        Lookup::wait(async move { Ok::<_, Infallible>(record) })
    };
    is_a_store(database.clone(), &fixture).await;
    is_a_store(CachedKeys::new(database), &fixture).await;
}

#[tokio::test]
async fn a_pepper_opens_only_what_was_made_with_it() {
    let secret = |text: &str| portcullis_core::Secret::try_new(text).unwrap();
    let pepper = secret("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2");
    let other = secret("Yc2q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9");
    let key = ApiKey::generate_with_id("pk", "alice").unwrap();
    let peppered = key.digest_by(&KeyHasher::hmac_sha256(&pepper)).to_hex();
    let file = TestFile::new(&format!(
        "[keys.alice]\ndigest = \"hmac-sha256:{peppered}\"\n"
    ));

    let right: Arc<dyn KeyStore> = Arc::new(KeyFile::open_with_pepper(&file.0, &pepper).unwrap());
    assert!(judge(&right, &key).await.is_ok());
    let wrong: Arc<dyn KeyStore> = Arc::new(KeyFile::open_with_pepper(&file.0, &other).unwrap());
    assert_eq!(judge(&wrong, &key).await, Err(Reason::WrongSecret));
    let none = KeyFile::open(&file.0).unwrap_err().to_string();
    assert!(
        none.ends_with("line 2: keys.alice.digest: the digest needs a pepper, and there is none"),
        "{none}"
    );
    let memory: Arc<dyn KeyStore> = Arc::new(Keys::with_pepper(&pepper).and("alice", &key));
    assert!(judge(&memory, &key).await.is_ok());
}

#[tokio::test]
async fn a_key_is_rotated_without_a_gap() {
    let old = ApiKey::generate_with_id("pk", "alice").unwrap();
    let new = ApiKey::generate_with_id("pk", "alice").unwrap();
    let keys = Keys::from(&old);
    assert!(keys.clone().rotate(&new, 10, NOW - 10).unwrap());
    let store: Arc<dyn KeyStore> = Arc::new(keys.clone());

    assert_eq!(judge(&store, &old).await, Err(Reason::Expired));
    assert!(judge(&store, &new).await.is_ok());
    assert!(keys.revoke("alice"));
    assert_eq!(judge(&store, &new).await, Err(Reason::Revoked));
    let error = keys.rotate(&new, 10, NOW).unwrap_err();
    assert_eq!(error.to_string(), "the key was revoked");
    assert!(
        !keys
            .rotate(&ApiKey::generate("pk").unwrap(), 10, NOW)
            .unwrap()
    );
    assert!(keys.remove("alice") && !keys.remove("alice"));
    assert_eq!(judge(&store, &new).await, Err(Reason::UnknownKey));
}

#[test]
fn every_mistake_in_a_file_has_its_line_and_field_and_no_value() {
    let file = TestFile::new(
        "[keys.alice]\n\
         digest = \"sha256:secretsecret\"\n\
         scope = [\"read\"]\n\
         expires = 2027-01-01\n\
         [keys.UPPER]\n\
         digest = \"x\"\n\
         [keys.bob]\n\
         scopes = [\"a b\"]\n\
         quota = { count = 0 }\n\
         secrets = [{ expires = 2027-01-01T00:00:00Z }]\n\
         [keys.alice]\n\
         revoked = 1\n\
         [other]\n",
    );
    let error = KeyFile::open(&file.0).unwrap_err();
    let problems: Vec<_> = error
        .problems()
        .map(|problem| problem.rsplit_once(".toml: ").unwrap().1)
        .collect();

    assert_eq!(
        problems,
        [
            "line 2: keys.alice.digest: a digest has 64 hexadecimal digits",
            "line 3: keys.alice.scope: is no field of a key",
            "line 4: keys.alice.expires: it is a date and time with an offset, since 1970: 2027-01-01T00:00:00Z",
            "line 5: keys: a key's id is 1 to 32 lowercase letters and digits",
            "line 8: keys.bob.scopes[0]: is not a scope",
            "line 9: keys.bob.quota: quota: at least one request must be allowed",
            "line 10: keys.bob.secrets[0]: has no digest",
            "line 11: duplicate key",
            "line 12: keys.alice.revoked: it is true or false",
            "line 13: other: is not known here: it is `[keys.ID]`",
        ],
    );
}

/// A key with these lines, and what is wrong with it.
fn problems(lines: &str) -> Vec<String> {
    let read = Keys::from_toml(&format!("[keys.alice]\n{lines}\n"));
    let error = read.expect_err(lines);
    error.problems().map(str::to_owned).collect()
}

const DIGEST: &str =
    "digest = \"sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752\"";

#[test]
fn a_key_with_a_list_of_secrets_has_no_other_and_no_dates_of_its_own() {
    let list = format!("secrets = [{{ {DIGEST} }}, {{ {DIGEST} }}]");
    for (field, name) in [
        ("expires = 2020-01-01T00:00:00Z", "expires"),
        ("not_before = 2020-01-01T00:00:00Z", "not_before"),
        (DIGEST, "digest"),
    ] {
        let expected = format!("line 2: keys.alice.{name}: belongs to each of its secrets");
        assert_eq!(problems(&format!("{field}\n{list}")), [expected]);
        assert_eq!(problems(&format!("{field}\nsecrets = []")).len(), 1);
    }
    let revoked = Keys::from_toml(&format!("[keys.alice]\nrevoked = true\n{list}\n"));
    assert!(revoked.unwrap().record("alice").unwrap().is_revoked());
}

#[test]
fn what_is_wrong_with_secrets_is_listed_beside_what_is_wrong_with_scopes() {
    let five = vec![format!("{{ {DIGEST} }}"); 5].join(", ");
    let scopes = "scopes = [\"a b\"]";
    let dates = "not_before = 2020-01-01T00:00:00Z\nexpires = 2020-01-01T00:00:00Z";
    let inside = format!("secrets = [{{ {DIGEST}, {} }}]", dates.replace('\n', ", "));

    assert_eq!(
        problems(&format!("{scopes}\nsecrets = [{five}]")),
        [
            "line 2: keys.alice.scopes[0]: is not a scope",
            "line 3: keys.alice.secrets: a key has at most 4 secrets",
        ]
    );
    assert_eq!(
        problems(&format!("{scopes}\n{DIGEST}\n{dates}")),
        [
            "line 2: keys.alice.scopes[0]: is not a scope",
            "line 5: keys.alice.expires: a secret expires before it opens",
        ]
    );
    assert_eq!(
        problems(&inside),
        ["line 2: keys.alice.secrets[0]: a secret expires before it opens"]
    );
    assert_eq!(
        problems("scopes = []"),
        ["line 1: keys.alice: a key has at least one secret"]
    );
}

#[test]
fn a_dotted_line_below_a_table_is_told_where_it_belongs() {
    assert_eq!(
        problems(&format!("{DIGEST}\nkeys.zed = {{ {DIGEST} }}")),
        [
            "line 3: keys.alice.keys: is no field of a key: a line `keys.ID = ..` stands above the first `[table]`"
        ]
    );
}

#[test]
fn what_is_wrong_is_one_line_whatever_the_names_are() {
    let error = Keys::from_toml("[keys.a]\n\"x\\ny\\u001b[2J\" = 1\n").unwrap_err();

    let expected = "line 2: keys.a.x\\ny\\u{1b}[2J: is no field of a key";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_and_the_old_keys_go_on() {
    let fixture = Fixture::new();
    let file = fixture.in_a_file();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let keys = KeyFile::open(&file.0)
        .unwrap()
        .on_change(move |change| listener.lock().unwrap().push(format!("{change:?}")));
    let store: Arc<dyn KeyStore> = Arc::new(keys.clone());
    let good = std::fs::read_to_string(&file.0).unwrap();

    file.write(&good[..good.len() / 2]);
    assert!(keys.reload().is_err());
    assert!(judge(&store, fixture.key("open")).await.is_ok());
    std::fs::remove_file(&file.0).unwrap();
    assert!(keys.reload().is_err());
    assert!(judge(&store, fixture.key("open")).await.is_ok());
    file.write(
        &good
            .replacen("digest", "revoked = true\ndigest", 1)
            .replace("keys.late", "keys.new"),
    );
    keys.reload().unwrap();

    let revoked = judge(&store, fixture.key("open")).await;
    assert_eq!(revoked, Err(Reason::Revoked));
    let told = told.lock().unwrap();
    assert!(
        told[0].starts_with("Refused") && told[1].starts_with("Refused"),
        "{told:?}"
    );
    assert_eq!(
        told[2..],
        [
            "Reloaded(4)",
            "Added(\"new\")",
            "Revoked(\"open\")",
            "Removed(\"late\")"
        ]
    );
}

#[test]
fn a_file_without_a_key_is_refused_and_the_last_one_is_closed_by_revoking_it() {
    let last = format!("[keys.alice]\n{DIGEST}\n");
    let file = TestFile::new(&last);
    let keys = KeyFile::open(&file.0).unwrap();

    file.write("# nobody\n");
    assert!(
        keys.reload()
            .unwrap_err()
            .to_string()
            .ends_with("there is no key")
    );
    assert!(!keys.keys().record("alice").unwrap().is_revoked());
    file.write(&(last + "revoked = true\n"));
    keys.reload().unwrap();
    assert!(keys.keys().record("alice").unwrap().is_revoked());
}

#[test]
fn no_more_of_a_file_is_read_than_may_be_there() {
    let file = TestFile::new(&"#".repeat((16 << 20) + 1));
    let error = KeyFile::open(&file.0).unwrap_err().to_string();
    assert!(
        error.ends_with(": it has more than 16777216 bytes"),
        "{error}"
    );

    std::fs::write(&file.0, b"\xff").unwrap();
    let error = KeyFile::open(&file.0).unwrap_err().to_string();
    assert!(error.ends_with(": it is not UTF-8"), "{error}");
}

/// A device has no length, and no end.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_an_end_is_read_to_where_one_must_be() {
    let error = KeyFile::open("/dev/zero").unwrap_err().to_string();
    assert_eq!(error, "/dev/zero: it has more than 16777216 bytes");
}

#[tokio::test]
async fn a_file_that_is_watched_is_read_again() {
    let fixture = Fixture::new();
    let file = fixture.in_a_file();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let keys = KeyFile::open(&file.0)
        .unwrap()
        .on_change(move |change| drop(tell.send(format!("{change:?}"))))
        .watch(Duration::from_millis(10));
    let key = ApiKey::generate_with_id("pk", "bob").unwrap();
    let digest = key.digest().to_hex();
    file.write(&format!("keys.bob = {{ digest = \"sha256:{digest}\" }}\n"));

    assert_eq!(told.recv().await.unwrap(), "Reloaded(1)");
    let store: Arc<dyn KeyStore> = Arc::new(keys.clone());
    assert_eq!(judge(&store, &key).await.unwrap().id(), "bob");
    assert!(judge(&store, fixture.key("open")).await.is_err());
    file.write("keys = 1");
    while !told.recv().await.unwrap().starts_with("Refused") {}
    assert!(judge(&store, &key).await.is_ok());
}
