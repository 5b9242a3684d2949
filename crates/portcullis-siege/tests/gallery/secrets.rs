//! No report has a piece of a key or of a token.

use portcullis_siege::Report;

use crate::server::{OF_OWN_KEYS, OWN, Server, VALID};

/// Whoever reads a report must not be able to use a key, nor guess what is left of one.
#[tokio::test]
async fn no_form_of_a_report_has_a_piece_of_a_key() {
    for fault in [
        "wrong-secret-differs",
        "key-prefix-enough",
        "key-case-ignored",
        "early-exit-comparison",
        "secret-early-exit",
    ] {
        let server = Server::start(Some(fault));
        let report = server.siege(&["E03", "E04", "E05"]).await;
        assert!(report.breaches().next().is_some(), "{fault}");
        let is_own = OF_OWN_KEYS.contains(&fault);
        assert_hidden(fault, &report, if is_own { OWN } else { VALID });
    }
}

/// A server that repeats a token, and its secret besides: the report has neither.
#[tokio::test]
async fn no_form_of_a_report_has_a_piece_of_a_token_or_of_what_made_it() {
    let profile = Server::start(None).profile();
    let pem = profile.tokens.unwrap().key.unwrap();
    let body: String = pem.lines().filter(|line| !line.contains("--")).collect();
    let server = Server::start(Some("token-repeated"));

    let report = server.siege(&["F14"]).await;

    assert!(report.breaches().next().is_some());
    assert_hidden("token-repeated", &report, &body);
    for form in forms(&report) {
        // What every token begins with: `{"`.
        assert!(!form.contains("eyJ"), "{form}");
    }
}

fn forms(report: &Report) -> [String; 8] {
    [
        report.to_text(false),
        report.to_text(true),
        report.to_json(),
        report.to_junit(),
        report.to_sarif(),
        report.to_markdown(),
        report.to_html(),
        format!("{report:?}"),
    ]
}

fn assert_hidden(fault: &str, report: &Report, secret: &str) {
    let secret = secret.to_ascii_lowercase();
    let pieces = secret.as_bytes().windows(6);
    let pieces: Vec<_> = pieces.map(|piece| str::from_utf8(piece).unwrap()).collect();
    for form in forms(report) {
        let form = form.to_ascii_lowercase();
        let piece = pieces.iter().find(|piece| form.contains(**piece));
        assert!(piece.is_none(), "{fault}: {piece:?} in {form}");
    }
}
