use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use portcullis_core::{Count, Counts, Exchange, Observer};
use portcullis_test::{echo, logged, request, send};
use tower::Layer;

use super::{AccessLog, Written, edge, flushed};

/// A writer that writes nothing until it is let go.
#[derive(Clone, Default)]
struct Stuck(Arc<(Mutex<bool>, Condvar)>, Written);

impl Stuck {
    fn let_go(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let free = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(free, |free| !*free).unwrap());
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that does what it was told, write after write.
struct Says(Vec<Say>, Written);

type Say = fn(&mut Written, &[u8]) -> io::Result<usize>;

impl Write for Says {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.pop() {
            Some(say) => say(&mut self.1, bytes),
            None => self.1.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn ask(log: &AccessLog, times: usize) {
    let layer = edge(log).build().unwrap();
    for _ in 0..times {
        drop(send(layer.layer(echo()), request("/")).await);
    }
}

fn count(log: &AccessLog, name: &str) -> u64 {
    let counts = log.counts();
    let found = counts.iter().find(|count| count.name == name);
    found.unwrap().value
}

fn dropped(log: &AccessLog) -> u64 {
    count(log, "portcullis_access_log_dropped")
}

#[tokio::test]
async fn a_writer_that_is_stuck_holds_up_nobody() {
    let stuck = Stuck::default();
    let log = AccessLog::to_writer(stuck.clone()).capacity(1 << 17);
    let log = log.build().unwrap();
    let (lines, ()) = logged(ask(&log, 2000)).await;

    assert!(count(&log, "portcullis_access_log_waiting_bytes") <= 1 << 17);
    assert_eq!(
        lines.matches("an access line was dropped").count(),
        1,
        "{lines}"
    );
    assert!(
        log.flush(Duration::from_millis(1))
            .await
            .is_err_and(|left| left.bytes > 0)
    );
    stuck.let_go();
    flushed(&log).await;
    let written = stuck.1.lines().len() as u64;
    assert_eq!(written + dropped(&log), 2000);
    assert!(written > 100 && dropped(&log) > 100, "{written}");
    ask(&log, 1).await;
    flushed(&log).await;
    assert_eq!(stuck.1.lines().len() as u64, written + 1);
}

#[tokio::test]
async fn what_waits_is_written_when_the_log_is_dropped() {
    let written = Written::default();
    let log = written.builder().build().unwrap();
    ask(&log, 500).await;
    drop(log);

    assert_eq!(written.lines().len(), 500);
}

#[tokio::test]
async fn half_a_line_is_ended_before_the_next() {
    let written = Written::default();
    // Backwards.
    let says: Vec<Say> = vec![
        |_, _| Err(io::Error::other("the disk is full\n")),
        |written, bytes| written.write(&bytes[..7]),
        |_, _| Err(io::ErrorKind::Interrupted.into()),
    ];
    let log = AccessLog::to_writer(Says(says, written.clone()));
    let log = log.build().unwrap();
    ask(&log, 1).await;
    flushed(&log).await;
    assert_eq!(dropped(&log), 1);
    ask(&log, 2).await;
    flushed(&log).await;

    let text = written.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (3, 7), "{text}");
    let is_json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(lines[1..].iter().all(is_json), "{text}");
}

#[tokio::test]
async fn a_writer_that_panics_costs_lines_only() {
    let says: Vec<Say> = vec![|_, _| panic!("no disk")];
    let log = AccessLog::to_writer(Says(says, Written::default()));
    let log = log.build().unwrap();
    ask(&log, 1).await;
    flushed(&log).await;
    ask(&log, 9).await;

    assert!(dropped(&log) >= 9);
    flushed(&log).await;
}

#[tokio::test]
async fn a_file_is_opened_anew_after_it_was_renamed() {
    let folder = std::env::temp_dir().join(format!("portcullis-access-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, old) = (folder.join("access.log"), folder.join("access.log.1"));
    let log = AccessLog::to_file(&path).build().unwrap();
    ask(&log, 3).await;
    flushed(&log).await;
    std::fs::rename(&path, &old).unwrap();
    log.reopen();
    ask(&log, 2).await;
    flushed(&log).await;
    // The thread may take up the line before it opens the file.
    ask(&log, 2).await;
    flushed(&log).await;

    let lines = |path| {
        std::fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .count()
    };
    assert_eq!(lines(&old), 3);
    assert_eq!(lines(&path), 4);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_page_of_metrics_has_what_was_dropped() {
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<Arc<dyn Counts>>>>);
    impl Observer for Page {
        fn end(&self, _: &Exchange) {}

        fn add_counts(&self, counts: Arc<dyn Counts>) {
            self.0.lock().unwrap().push(counts);
        }
    }
    let page = Page::default();
    let log = Written::default().builder().build().unwrap();
    let _edge = edge(&log).observe(page.clone()).build().unwrap();

    let counts = page.0.lock().unwrap()[0].counts();
    let has = |name: &str| counts.iter().any(|count: &Count| count.name == name);
    assert!(has("portcullis_access_log_dropped"), "{counts:?}");
}
