//! Keys, tokens and their pieces, in texts and in lines for a shell.

use super::*;

const KEY: &str = "pk_a1b2c3d4e5f6_SecretOfTheClient0123456789";

fn secrets() -> Secrets {
    Secrets::new([Secret::key(KEY, "$SIEGE_KEY")])
}

fn seen(what: &str) -> Evidence {
    let script = format!("printf 'x-api-key: {KEY}\\r\\n' | nc");
    Evidence::new(what)
        .sent(what)
        .received(what)
        .repeat(script)
        .without(&secrets())
}

#[test]
fn no_key_is_in_evidence_whole_or_changed() {
    let changed = [
        KEY.to_owned(),
        KEY.to_ascii_uppercase(),
        format!("{}X", &KEY[..KEY.len() - 1]),
        format!("{KEY}0"),
        KEY[3..].to_owned(),
    ];
    for key in changed {
        let evidence = seen(&format!("X-API-Key: {key}\r\n"));
        assert_hidden(&format!("{evidence:?}"));
    }
}

#[test]
fn a_character_anywhere_that_was_changed_shows_no_piece() {
    for at in 0..KEY.len() {
        let mut changed = KEY.to_owned();
        changed.replace_range(at..=at, "!");
        let evidence = seen(&format!("a {changed} {changed}{changed}é{KEY}"));
        assert_hidden(&format!("{evidence:?}"));
    }
}

#[test]
fn tokens_and_what_makes_them_are_hidden_too() {
    let secrets = Secrets::new([
        Secret::made("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWEtdG9rZW4"),
        Secret::of_signing("what-both-sides-have-in-common"),
    ]);
    let text = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWEtdG9rZW4 was wrong, \
                C2LNBMF0DXJL too; what-both-sides-have-in-common";

    let evidence = Evidence::new(text).without(&secrets);

    assert_eq!(
        evidence.what,
        "Bearer $SIEGE_CREDENTIAL was wrong, [..] too; $SIEGE_SECRET"
    );
}

#[test]
fn what_is_no_key_is_left() {
    let text = "GET /orders HTTP/1.1 é pk_a1";

    assert_eq!(seen(text).what, text);
    assert_eq!(
        seen(&format!("{KEY} x {}", &KEY[..10])).what,
        "$SIEGE_KEY x [..]"
    );
}

#[test]
fn one_key_may_begin_another_or_end_like_it() {
    let other = format!("{KEY}-and-more");
    let third = format!("x_{}", &KEY[3..]);
    let secrets = Secrets::new([
        Secret::key(KEY, "$SIEGE_KEY"),
        Secret::key(&other, "$SIEGE_KEY_REVOKED"),
        Secret::key(&third, "$SIEGE_KEY_EXPIRED"),
    ]);

    assert_eq!(
        secrets.hide(&format!("{other} {third} {KEY}")),
        "$SIEGE_KEY_REVOKED $SIEGE_KEY_EXPIRED $SIEGE_KEY"
    );
}

#[test]
fn whatever_the_verdict_its_text_has_no_key() {
    let text = || format!("it says {KEY}");
    for verdict in [
        Verdict::Held { note: text() },
        Verdict::NotTested { why: text() },
        Verdict::CouldNotTell { why: text() },
        Verdict::Breached {
            evidence: Evidence::new(text()),
        },
    ] {
        assert_eq!(verdict.without(&secrets()).text(), "it says $SIEGE_KEY");
    }
}

#[test]
fn a_line_that_would_need_more_than_a_variable_is_not_offered() {
    for line in [
        format!("curl -H 'x-api-key: {}!'", &KEY[..20]),
        "curl -H 'authorization: Bearer a-token-of-the-siege'".to_owned(),
    ] {
        let secrets = Secrets::new([
            Secret::key(KEY, "$SIEGE_KEY"),
            Secret::made("a-token-of-the-siege"),
        ]);
        assert_eq!(secrets.in_shell(&line), "");
    }
}

#[test]
fn the_name_of_a_variable_is_no_piece_of_a_key() {
    let key = "client_revoked_0123456789";
    let secrets = Secrets::new([Secret::key(key, "$SIEGE_KEY_REVOKED")]);

    assert_eq!(
        secrets.in_shell(&format!("curl -H 'k: {key}'")),
        "curl -H 'k: '\"$SIEGE_KEY_REVOKED\""
    );
}

#[test]
fn a_scheme_is_no_secret_and_what_follows_it_is_one_alone() {
    let key = format!("Bearer {KEY}");
    let secrets = Secrets::new(
        [Secret::key(&key, "$SIEGE_KEY")]
            .into_iter()
            .chain(Secret::bare(&key, "${SIEGE_KEY#* }")),
    );

    assert_eq!(
        secrets.hide(&format!(
            "another Bearer token: {key}, {KEY}, {}",
            &KEY[4..]
        )),
        "another Bearer token: $SIEGE_KEY, ${SIEGE_KEY#* }, [..]"
    );
    assert_eq!(
        secrets.in_shell(&format!("curl -H 'authorization: {key}' '/?key={KEY}'")),
        "curl -H 'authorization: '\"$SIEGE_KEY\" '/?key='\"${SIEGE_KEY#* }\""
    );
}

fn assert_hidden(text: &str) {
    let (text, key) = (text.to_ascii_lowercase(), KEY.to_ascii_lowercase());
    for start in 0..=key.len() - 6 {
        assert!(!text.contains(&key[start..start + 6]), "{text}");
    }
}

#[test]
fn the_line_that_repeats_it_reads_a_variable() {
    let evidence = seen("");

    assert_eq!(
        evidence.repeat,
        "printf 'x-api-key: '\"$SIEGE_KEY\"'\\r\\n' | nc"
    );
}

#[test]
fn a_shell_expands_the_variable_wherever_it_stands() {
    let line = format!(r"curl -H 'a: it'\''s' -H {KEY} 'http://localhost/?key={KEY}'");

    assert_eq!(
        in_shell(&line, KEY, "$SIEGE_KEY"),
        "curl -H 'a: it'\\''s' -H \"$SIEGE_KEY\" 'http://localhost/?key='\"$SIEGE_KEY\""
    );
}
