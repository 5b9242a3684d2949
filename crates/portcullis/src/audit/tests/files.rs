//! The file: how it goes on after a restart, a crash, a rename.

use std::io::Write;

use portcullis_core::ManualClock;
use portcullis_test::logged;

use super::*;
use crate::{
    WallClock,
    audit::{
        Anchor, Audit, Event, FileOptions, FileSink, Fsync, OnFull, Verifier, Why, verify,
        verify_with_anchor,
    },
};

const KEY: &[u8] = b"q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";

fn options(path: &Path) -> FileOptions {
    let clock = WallClock::from(&ManualClock::new(0));
    let options = FileSink::options(path).clock(clock);
    options.on_anchor(|_| {}).fsync(Fsync::Never)
}

/// Writes so many events, one at a time, and stops.
async fn write(options: FileOptions, events: u64) {
    let audit = Audit::new(options.open().unwrap(), OnFull::Drop).unwrap();
    for _ in 0..events {
        audit.record(Event::reloaded("keys"));
        audit.flush(SOON).await.unwrap();
    }
    audit.close(SOON).await.unwrap();
}

#[tokio::test]
async fn a_file_is_what_the_docs_say() {
    let folder = Folder::new();
    write(options(&folder.file()), 1).await;

    let text = read(&folder.file());
    let lines: Vec<_> = text.lines().collect();
    let zero = "0".repeat(64);
    let start = format!(
        "{{\"n\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"anchor\":\"start\",\"prev\":\"{zero}\",\"sum\":\""
    );
    assert!(lines[0].starts_with(&start), "{text}");
    assert!(lines[1].starts_with("{\"n\":2,\"time\":\"20"), "{text}");
    assert!(lines[2].contains("\"anchor\":\"stop\""), "{text}");
    for line in &lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
    }
    let verified = verify(text.as_bytes()).unwrap();
    assert_eq!((verified.events, verified.anchors), (1, 2));
    assert_eq!(verified.end.lines(), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    write(options(&folder.file()), 0).await;
    let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let folder = Folder::new();
    for _ in 0..3 {
        write(options(&folder.file()), 2).await;
    }

    let text = read(&folder.file());
    let verified = verify(text.as_bytes()).unwrap();
    assert_eq!(
        (verified.events, verified.anchors, verified.torn),
        (6, 6, 0)
    );
    assert_eq!(text.matches("\"anchor\":\"restart\"").count(), 2);
}

#[tokio::test]
async fn half_a_line_is_noticed_and_the_chain_begins_anew_behind_it() {
    let folder = Folder::new();
    for key in [None, Some(KEY)] {
        let path = folder.0.join(format!("{}.jsonl", key.is_some()));
        let with_key = |options: FileOptions| match key {
            Some(key) => options.hash_key(key),
            None => options,
        };
        let verifier = match key {
            Some(key) => Verifier::new().hash_key(key).unwrap(),
            None => Verifier::new(),
        };
        write(with_key(options(&path)), 2).await;
        let whole = read(&path);
        // Every ninth byte, and all around the ends of lines.
        let is_near =
            |cut: &usize| whole[cut - 1..].starts_with('\n') || whole[*cut..].starts_with('\n');
        for cut in (1..whole.len()).filter(|cut| cut % 9 == 0 || is_near(cut)) {
            fs::write(&path, &whole[..cut]).unwrap();
            let is_torn = !whole[..cut].ends_with('\n');
            let before = verifier.verify(&whole.as_bytes()[..cut]);
            assert_eq!(before.is_err(), is_torn, "{cut}");

            write(with_key(options(&path)), 1).await;
            let text = read(&path);
            let verified = verifier.verify(text.as_bytes()).unwrap();
            // If only its end is missing, the line is whole.
            let is_lost = is_torn && whole.as_bytes()[cut] != b'\n';
            assert_eq!(verified.torn, u64::from(is_lost), "{text}");
            assert_eq!(text.contains("\"anchor\":\"torn\""), is_torn);
            assert_eq!(verified.end.lines(), text.lines().count() as u64);
        }
    }
}

/// The process may be stopped again while it tells of half a line, and again.
#[test]
fn a_file_that_was_torn_twice_goes_on() {
    let folder = Folder::new();
    let path = folder.file();
    let open = || options(&path).open().map(drop);
    for starts in [1, 2] {
        let _ = fs::remove_file(&path);
        (0..starts).for_each(|_| open().unwrap());
        let whole = read(&path);
        let torn = &whole[..whole.len() - 40];
        fs::write(&path, torn).unwrap();
        open().unwrap();
        let twice = read(&path);
        for end in torn.len() + 1..twice.len() {
            fs::write(&path, &twice[..end]).unwrap();
            open().unwrap();
            let verified = verify(read(&path).as_bytes()).unwrap();
            // An anchor of which only the end of the line is missing is whole.
            let halves = if (torn.len() + 2..twice.len() - 1).contains(&end) {
                2
            } else {
                1
            };
            assert_eq!(verified.torn, halves, "{end}");
        }
        fs::write(&path, format!("{torn}\n{{\"n\":\n{{\n{{\"n")).unwrap();
        open().unwrap();
        assert_eq!(verify(read(&path).as_bytes()).unwrap().torn, 4);
    }
}

#[test]
fn no_line_can_be_made_one_of_those_that_were_torn() {
    let folder = Folder::new();
    let path = folder.file();
    let open = || drop(options(&path).hash_key(KEY).open().unwrap());
    (0..3).for_each(|_| open());
    fs::write(&path, read(&path) + "{\"n\":4,\"time").unwrap();
    open();
    let verifier = Verifier::new().hash_key(KEY).unwrap();
    let text = read(&path);
    assert_eq!(verifier.verify(text.as_bytes()).unwrap().torn, 1);

    let third = text.lines().nth(2).unwrap();
    let forged = text.replace(third, &third[..third.len() - 3]);
    let broken = verifier.verify(forged.as_bytes()).unwrap_err();
    assert_eq!(broken.line(), 3);
}

#[test]
fn what_is_no_half_line_is_not_gone_on_behind() {
    let folder = Folder::new();
    drop(options(&folder.file()).open().unwrap());
    let whole = read(&folder.file());
    for other in [
        "hello\n",
        "\n",
        "hello\n{\"n\":2",
        "{\"n\":2}\n",
        "{\"n\":2}\nhello",
    ] {
        let text = format!("{whole}{other}");
        fs::write(folder.file(), &text).unwrap();
        assert!(options(&folder.file()).open().is_err(), "{other}");
        assert_eq!(read(&folder.file()), text);
    }
}

#[tokio::test]
async fn a_torn_line_is_reported() {
    let folder = Folder::new();
    fs::write(folder.file(), "{\"n\":1,\"ti").unwrap();
    let (lines, ()) = logged(async {
        options(&folder.file()).open().unwrap();
    })
    .await;

    assert!(lines.contains("a line of the audit log is torn"), "{lines}");
}

#[test]
fn half_a_line_that_nobody_noticed_is_broken() {
    let folder = Folder::new();
    drop(options(&folder.file()).open().unwrap());
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(folder.file())
        .unwrap();
    file.write_all(b"{\"n\":2").unwrap();

    let broken = verify(read(&folder.file()).as_bytes()).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (2, &Why::NotALine));
}

#[tokio::test]
async fn a_file_that_is_renamed_is_continued_by_the_next() {
    let folder = Folder::new();
    let (path, old) = (folder.file(), folder.0.join("old.jsonl"));
    let audit = Audit::new(options(&path).open().unwrap(), OnFull::Drop).unwrap();
    audit.record(Event::reloaded("a"));
    audit.flush(SOON).await.unwrap();
    fs::rename(&path, &old).unwrap();
    audit.record(Event::reloaded("b"));
    audit.flush(SOON).await.unwrap();
    audit.reopen();
    audit.record(Event::reloaded("c"));
    audit.close(SOON).await.unwrap();

    let first = verify(read(&old).as_bytes()).unwrap();
    let second = verify(read(&path).as_bytes()).unwrap();
    assert_eq!(first.events + second.events, 3);
    assert_eq!(second.continues, Some(first.end));
    assert!(verify_with_anchor(read(&old).as_bytes(), &second.continues.unwrap()).is_ok());
}

#[cfg(unix)]
#[test]
fn one_process_writes_a_file() {
    let folder = Folder::new();
    let (path, old) = (folder.file(), folder.0.join("old.jsonl"));
    let open = |path: &Path| options(path).open().map_err(|error| error.to_string());
    let is_taken = |path: &Path| {
        let before = read(path);
        let error = open(path).unwrap_err();
        error.ends_with(": another process writes this file") && read(path) == before
    };
    let mut sink = open(&path).unwrap();
    assert!(is_taken(&path));
    sink.reopen().unwrap();
    assert!(is_taken(&path), "it was not renamed");
    fs::rename(&path, &old).unwrap();
    assert!(is_taken(&old));

    sink.reopen().unwrap();
    assert!(is_taken(&path));
    assert!(open(&old).is_ok());
    drop(sink);
    assert!(open(&path).is_ok());
}

#[tokio::test]
async fn anchors_are_handed_out_and_show_what_was_cut_off() {
    let folder = Folder::new();
    let anchors = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&anchors);
    let options = options(&folder.file())
        .anchor_every(3)
        .on_anchor(move |anchor| kept.lock().unwrap().push(*anchor));
    write(options, 7).await;
    let anchors: Vec<Anchor> = anchors.lock().unwrap().clone();
    let numbers: Vec<_> = anchors.iter().map(Anchor::lines).collect();
    assert_eq!(numbers, [1, 5, 9, 11]);

    let text = read(&folder.file());
    for anchor in &anchors {
        assert!(verify_with_anchor(text.as_bytes(), anchor).is_ok());
        assert_eq!(anchor.to_string().parse(), Ok(*anchor));
    }
    let cut: String = text.split_inclusive('\n').take(9).collect();
    assert!(verify(cut.as_bytes()).is_ok());
    let broken = verify_with_anchor(cut.as_bytes(), &anchors[3]).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (10, &Why::Truncated));
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let folder = Folder::new();
    let error = options(&folder.file()).hash_key(&KEY[1..]).anchor_every(0);
    let error = error.open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "audit: hash_key: a secret has at least 32 bytes, this has 31; audit: an anchor after 0 lines never comes"
    );

    assert!(options(&folder.0).open().is_err(), "a folder");
    assert!(options(&folder.0.join("no/such")).open().is_err());
    #[cfg(unix)]
    assert!(options(Path::new("/dev/null")).open().is_err());
    for other in ["hello", "hello\n", "\n", "{\"n\":1}\n"] {
        fs::write(folder.file(), other).unwrap();
        let error = options(&folder.file()).open().unwrap_err();
        assert!(
            error.to_string().contains("is not of an audit log"),
            "{error}"
        );
        assert_eq!(read(&folder.file()), other);
    }
    let keyed = folder.0.join("keyed");
    write(options(&keyed).hash_key(KEY), 1).await;
    assert!(options(&keyed).open().is_err());
    let other: Vec<u8> = KEY.iter().rev().copied().collect();
    assert!(options(&keyed).hash_key(&other).open().is_err());
    assert!(options(&keyed).hash_key(KEY).open().is_ok());
}

/// A process of its own may write 8 KiB, and then the disk is full.
#[cfg(target_os = "linux")]
#[test]
fn half_a_batch_on_a_full_disk_is_taken_back() {
    let folder = Folder::new();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --ignored --exact \"$1\"";
    let name = "audit::tests::files::fills_a_disk";
    let test = std::env::current_exe().unwrap();
    let shell = std::process::Command::new("bash")
        .args(["-c", script])
        .args([test.as_os_str(), name.as_ref()])
        .env("PORTCULLIS_TEST_FOLDER", &folder.0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stdout);
    assert!(
        shell.status.success() && said.contains("1 passed"),
        "{said}"
    );

    let verified = verify(read(&folder.file()).as_bytes()).unwrap();
    assert!((1..40).contains(&verified.events), "{verified:?}");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn fills_a_disk() {
    let Some(folder) = std::env::var_os("PORTCULLIS_TEST_FOLDER") else {
        return;
    };
    let path = PathBuf::from(folder).join("audit.jsonl");
    let mut sink = options(&path).open().unwrap();
    let mut event = crate::audit::pending::tests::event();
    for seq in 1..100 {
        event.seq = seq;
        if sink.write(std::slice::from_ref(&event)).is_err() {
            assert!(sink.write(std::slice::from_ref(&event)).is_err());
            assert!(read(&path).ends_with("\"}\n"));
            return;
        }
    }
    panic!("the disk is never full");
}

#[test]
fn a_key_is_random_and_of_no_example() {
    let folder = Folder::new();
    for (key, problem) in [
        (&[0; 32][..], "this has 1 different bytes"),
        (b"changemechangemechangemechangeme", "a default of examples"),
        (b"0123456789abcdef0123456789abcdef", "a default of examples"),
    ] {
        let error = options(&folder.file()).hash_key(key).open().unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!folder.file().exists());
        // What was written with it can still be verified.
        assert!(Verifier::new().hash_key(key).is_ok());
    }
}

#[test]
fn a_key_is_not_printed() {
    let folder = Folder::new();
    let sink = options(&folder.file()).hash_key(KEY).open().unwrap();
    let verifier = Verifier::new().hash_key(KEY).unwrap();

    let printed = format!("{sink:?} {verifier:?}");
    assert!(!printed.contains("q8Jm2Zr5"), "{printed}");
}
