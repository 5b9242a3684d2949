//! Keys are added, expire, are revoked and read again while clients come: no decision is wrong, and no
//! request is lost.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use portcullis::{
    ManualClock,
    api_key::{ApiKey, ApiKeyGuard, KeyFile},
};
use portcullis_tests::net::{Client, Server, request};

/// A key, and whether it opens.
struct Subject {
    key: ApiKey,
    is_open: AtomicBool,
}

/// What clients and the one who changes keys share.
struct World {
    /// `old` is rotated to `new`; `late` expires; `stolen` is revoked; `guest` comes and goes.
    stays: Subject,
    old: Subject,
    new: Subject,
    late: Subject,
    stolen: Subject,
    guest: Subject,
    /// Odd while something changes.
    changes: AtomicU64,
    asked: AtomicUsize,
    /// Requests during which nothing changed.
    judged: AtomicUsize,
}

// ===== impl Subject =====

impl Subject {
    fn new(id: &str, is_open: bool) -> Self {
        Self {
            key: ApiKey::generate_with_id("pk", id).unwrap(),
            is_open: AtomicBool::new(is_open),
        }
    }

    fn digest(&self) -> String {
        format!("digest = \"sha256:{}\"", self.key.digest().to_hex())
    }
}

// ===== impl World =====

impl World {
    fn new() -> Self {
        Self {
            stays: Subject::new("stays", true),
            old: Subject::new("turns", true),
            new: Subject::new("turns", false),
            late: Subject::new("late", true),
            stolen: Subject::new("stolen", true),
            guest: Subject::new("guest", false),
            changes: AtomicU64::new(0),
            asked: AtomicUsize::new(0),
            judged: AtomicUsize::new(0),
        }
    }

    fn subjects(&self) -> [&Subject; 6] {
        [
            &self.stays,
            &self.old,
            &self.new,
            &self.late,
            &self.stolen,
            &self.guest,
        ]
    }

    /// The file in one of its states.
    fn file(&self, round: u64) -> String {
        let Self {
            stays,
            old,
            new,
            late,
            stolen,
            guest,
            ..
        } = self;
        let rotation = match round {
            0 => format!("secrets = [{{ {} }}]", old.digest()),
            1 => format!("secrets = [{{ {} }}, {{ {} }}]", old.digest(), new.digest()),
            _ => format!(
                "secrets = [{{ {}, revoked = true }}, {{ {} }}]",
                old.digest(),
                new.digest()
            ),
        };
        let guest = if !round.is_multiple_of(2) {
            format!("[keys.guest]\n{}\n", guest.digest())
        } else {
            String::new()
        };
        let (stays, late, digest) = (stays.digest(), late.digest(), stolen.digest());
        let is_stolen = round >= 2;
        format!(
            "[keys.stays]\n{stays}\n[keys.turns]\n{rotation}\n\
             [keys.late]\n{late}\nexpires = 2027-01-15T08:00:00Z\n\
             [keys.stolen]\n{digest}\nrevoked = {is_stolen}\n{guest}"
        )
    }

    /// Sets which keys open, in the middle of a change.
    fn now(&self, round: u64, is_late: bool) {
        self.old.is_open.store(round < 2, SeqCst);
        self.new.is_open.store(round >= 1, SeqCst);
        self.stolen.is_open.store(round < 2, SeqCst);
        self.guest.is_open.store(!round.is_multiple_of(2), SeqCst);
        self.late.is_open.store(!is_late, SeqCst);
    }

    /// Asks until there were enough requests.
    async fn ask(&self, mut client: Client, seed: usize) {
        while self.asked.fetch_add(1, SeqCst) < REQUESTS {
            let subjects = self.subjects();
            let subject = subjects[(self.asked.load(SeqCst) * 7 + seed) % subjects.len()];
            let before = self.changes.load(SeqCst);
            let is_open = subject.is_open.load(SeqCst);
            let headers = [("x-api-key", subject.key.expose())];
            let status = client.ask(request("/", &headers)).await.status.as_u16();
            assert!([200, 401].contains(&status), "{status}");
            let after = self.changes.load(SeqCst);
            if before == after && before.is_multiple_of(2) {
                let expected = if is_open { 200 } else { 401 };
                assert_eq!(status, expected, "{} in {before}", subject.key.id());
                self.judged.fetch_add(1, SeqCst);
            }
        }
    }
}

/// Changes keys until there were enough requests.
async fn change(world: Arc<World>, file: KeyFile, path: PathBuf, date: ManualClock) {
    let mut round = 0;
    while world.asked.load(SeqCst) < REQUESTS {
        tokio::time::sleep(Duration::from_millis(5)).await;
        round = (round + 1) % 4;
        let is_late = round == 3;
        world.changes.fetch_add(1, SeqCst);
        replace(&path, &world.file(round));
        file.reload().unwrap();
        date.set(if is_late { LATE } else { LATE - 1 });
        world.now(round, is_late);
        world.changes.fetch_add(1, SeqCst);
        // What is half written is refused, and changes nothing.
        replace(&path, "[keys.stays]\ndigest = \"sha256");
        assert!(file.reload().is_err());
    }
}

fn replace(path: &PathBuf, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_decision_is_wrong_while_keys_change() {
    let world = Arc::new(World::new());
    let name = format!("portcullis-rotation-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    replace(&path, &world.file(0));
    let (file, date) = (KeyFile::open(&path).unwrap(), ManualClock::new(LATE - 1));
    let guard = ApiKeyGuard::new(file.clone()).with_clock(&date);
    let edge = portcullis_axum::edge().api_keys(guard).build().unwrap();
    let server = Server::start(Router::new().route("/", get(|| async {})).layer(edge)).await;
    let mut clients = tokio::task::JoinSet::new();
    for seed in 0..8 {
        let (world, client) = (Arc::clone(&world), Client::http1(server.address()).await);
        clients.spawn(async move { world.ask(client, seed).await });
    }
    let changing = tokio::spawn(change(Arc::clone(&world), file, path.clone(), date));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    changing.await.unwrap();
    std::fs::remove_file(&path).unwrap();

    let changes = world.changes.load(SeqCst) / 2;
    let judged = world.judged.load(SeqCst);
    println!("{REQUESTS} requests, {judged} between changes, {changes} changes");
    assert!(changes > 20, "{changes}");
    assert!(judged > REQUESTS / 4, "{judged}");
}

const REQUESTS: usize = 10_000;
/// 2027-01-15T08:00:00Z.
const LATE: u64 = 1_800_000_000;
