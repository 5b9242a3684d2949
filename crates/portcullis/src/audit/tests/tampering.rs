//! Whoever changes a file is found, and where.

use std::sync::LazyLock;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::audit::{
    Anchor, Audit, Broken, Event, FileSink, OnFull, Verified, Verifier, Why, anchor::hex, verify,
};

const KEY: &[u8] = b"q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";

/// A file with a key and one without, each of 11 lines, with an anchor in the middle.
static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [file(false), file(true)]);

fn file(has_key: bool) -> Vec<u8> {
    let folder = Folder::new();
    let mut options = FileSink::options(folder.file()).anchor_every(5);
    if has_key {
        options = options.hash_key(KEY);
    }
    let audit = Audit::new(options.open().unwrap(), OnFull::Drop).unwrap();
    for number in 0..8 {
        audit.record(Event::revoked(&format!("k{number}")));
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    runtime.block_on(audit.close(SOON)).unwrap();
    fs::read(folder.file()).unwrap()
}

fn verifier(has_key: bool) -> Verifier {
    if has_key {
        Verifier::new().hash_key(KEY).unwrap()
    } else {
        Verifier::new()
    }
}

fn lines(file: &[u8]) -> Vec<&[u8]> {
    file.split_inclusive(|byte| *byte == b'\n').collect()
}

fn check(has_key: bool, file: &[u8]) -> Result<Verified, Broken> {
    verifier(has_key).verify(file)
}

fn line_of(result: Result<Verified, Broken>) -> Option<u64> {
    result.err().map(|broken| broken.line())
}

#[test]
fn a_file_that_nobody_touched_is_whole() {
    for has_key in [false, true] {
        let file = &FILES[usize::from(has_key)];
        let verified = check(has_key, file).unwrap();
        assert_eq!((verified.events, verified.anchors), (8, 3));
        assert_eq!(lines(file).len(), 11);
    }
}

#[test]
fn every_byte_that_is_changed_is_found_in_its_line() {
    for has_key in [false, true] {
        let file = &FILES[usize::from(has_key)];
        let mut at = 0;
        for (number, line) in lines(file).iter().enumerate() {
            for offset in 0..line.len() {
                let mut changed = file.clone();
                changed[at + offset] ^= 1;
                let found = line_of(check(has_key, &changed));
                assert_eq!(found, Some(number as u64 + 1), "{offset}");
            }
            at += line.len();
        }
    }
}

proptest! {
    #[test]
    fn any_other_byte_is_found_in_its_line(at in any::<proptest::sample::Index>(), by in 1_u8..=255, has_key: bool) {
        let file = &FILES[usize::from(has_key)];
        let at = at.index(file.len());
        let line = file[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let mut changed = file.clone();
        changed[at] ^= by;
        prop_assert_eq!(line_of(check(has_key, &changed)), Some(line));
        let mut inserted = file.clone();
        inserted.insert(at, by);
        prop_assert_eq!(line_of(check(has_key, &inserted)), Some(line));
        let mut deleted = file.clone();
        deleted.remove(at);
        prop_assert_eq!(line_of(check(has_key, &deleted)), Some(line));
    }

    #[test]
    fn any_line_that_is_gone_moved_or_doubled_is_found(first in 0_usize..11, second in 0_usize..11, has_key: bool) {
        let file = &FILES[usize::from(has_key)];
        let mut gone = lines(file);
        gone.remove(first);
        let last = first == 10;
        let expected = (!last).then_some(first as u64 + 1);
        prop_assert_eq!(line_of(check(has_key, &gone.concat())), expected);
        // The last can only be missed by who knows that it was there.
        let anchor = check(has_key, file).unwrap().end;
        let anchored = verifier(has_key).anchor(anchor).verify(&*gone.concat());
        prop_assert_eq!(line_of(anchored), Some(first as u64 + 1));

        let mut doubled = lines(file);
        doubled.insert(first, doubled[first]);
        prop_assert_eq!(line_of(check(has_key, &doubled.concat())), Some(first as u64 + 2));

        let mut moved = lines(file);
        moved.swap(first, second);
        let expected = (first != second).then_some(first.min(second) as u64 + 1);
        prop_assert_eq!(line_of(check(has_key, &moved.concat())), expected);
    }

    #[test]
    fn no_file_makes_it_panic(file in proptest::collection::vec(any::<u8>(), 0..300), has_key: bool) {
        prop_assert!(check(has_key, &file).is_err());
    }
}

/// Makes the sum of a line anew, as anybody can.
fn resealed(line: &str) -> String {
    let (sealed, _) = line.rsplit_once(",\"sum\":").unwrap();
    let sum = hex(&Sha256::digest(sealed));
    format!("{sealed},\"sum\":\"{sum}\"}}\n")
}

#[test]
fn a_line_that_was_sealed_anew_does_not_fit_the_next() {
    let text = String::from_utf8(FILES[0].clone()).unwrap();
    let mut forged: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    forged[3] = resealed(&forged[3].replace("\"k2\"", "\"k9\""));
    let broken = verify(forged.concat().as_bytes()).unwrap_err();

    assert_eq!((broken.line(), broken.why()), (5, &Why::DoesNotFollow));
}

#[test]
fn a_number_that_no_log_reaches_is_of_none() {
    let text = String::from_utf8(FILES[0].clone()).unwrap();
    let start = text.lines().next().unwrap();
    let last = start.replace("\"start\"", "\"rotated\"");
    let last = resealed(&last.replace("\"n\":1,", &format!("\"n\":{},", u64::MAX)));
    let hash = hex(&Sha256::digest(last.trim_end()));
    let next = start.replace(&"0".repeat(64), &hash);
    let next = resealed(&next.replace("\"n\":1,", "\"n\":0,"));
    let broken = verify((last.clone() + &next).as_bytes()).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (1, &Why::Altered));

    let folder = Folder::new();
    fs::write(folder.file(), last).unwrap();
    assert!(FileSink::open(folder.file()).is_err());
}

#[test]
fn who_makes_the_whole_chain_anew_is_found_by_an_anchor_or_by_the_key() {
    let anchor = verify(&*FILES[0]).unwrap().end;
    let forged = file(false);
    assert!(verify(&*forged).is_ok());
    let broken = Verifier::new().anchor(anchor).verify(&*forged).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (11, &Why::NotTheAnchor));

    let broken = check(true, &forged).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (1, &Why::NotALine));
    let other = Verifier::new().hash_key(&[7; 32]).unwrap();
    let broken = other.verify(&*FILES[1]).unwrap_err();
    assert_eq!((broken.line(), broken.why()), (1, &Why::Altered));
}

#[test]
fn an_empty_file_and_one_without_a_beginning_are_none() {
    assert_eq!(verify(&b""[..]).unwrap_err().why(), &Why::Truncated);
    let rest = lines(&FILES[0])[6..].concat();
    let broken = verify(&*rest).unwrap_err();

    assert_eq!((broken.line(), broken.why()), (1, &Why::NotTheBeginning));
}

#[test]
fn a_line_without_an_end_takes_no_memory_without_an_end() {
    let endless = io::Read::take(io::repeat(b'x'), 1 << 40);
    let broken = verify(endless).unwrap_err();

    assert_eq!(broken.to_string().split_once(':').unwrap().0, "line 1");
}

#[test]
fn what_is_no_anchor_is_none() {
    let hash = "ab".repeat(32);
    let (upper, short) = (hash.to_uppercase(), &hash[1..]);
    for text in [
        "",
        "1",
        ":",
        "1:",
        &format!("x:{hash}"),
        &format!("1:{upper}"),
        &format!("1:{short}"),
    ] {
        assert!(text.parse::<Anchor>().is_err(), "{text}");
    }
}
