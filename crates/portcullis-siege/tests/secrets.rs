//! A server that repeats every secret, in every form and wherever a report may take a text from it: no form
//! of a report has six characters of one in a row.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use portcullis_siege::{Baseline, Event, Intensity, Profile, Report, Siege, Target, Verdict};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// None has six characters that stand in the catalogue.
const KEYS: [&str; 6] = [
    "vK7qZ2mX9wT4-bR8/nJ3=pL6",
    "rD5hW8cY1gS0+fQ2&xM7'vB4",
    "eP3zN6kU9jA1%oI5\"tG8~yH2",
    "uF4sC7lE0dV3_qO6 wK9|mR1",
    "sJ8vX2nB5hZ7-tY0gQ3cP6wL9dM4",
    "hG6yT1rV8kC3-xN5bW0zS7fJ2qD9",
];

/// Every key, whole, in another case, encoded, in pieces.
fn echoes() -> Vec<String> {
    let all = KEYS.iter().flat_map(|key| {
        let percent: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        [
            (*key).to_owned(),
            key.to_uppercase(),
            percent,
            STANDARD.encode(key),
            STANDARD.encode(format!("user:{key}")),
            key[3..9].to_owned(),
            format!("{}!{}", &key[..8], &key[9..]),
        ]
    });
    all.collect()
}

/// Answers each head on a connection: 401 without the valid key, 200 with it, and 400 every third time; with
/// all echoes, and with the credentials of the request, in fields and in the body.
async fn serve(mut io: TcpStream, echoes: Arc<str>) {
    let (mut head, mut count) = (Vec::new(), 0);
    while io.read_buf(&mut head).await.is_ok_and(|length| length > 0) {
        while let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head[..end]).into_owned();
            head.drain(..end + 4);
            count += 1;
            let answer = answer(&text, count, &echoes);
            if io.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn answer(head: &str, count: usize, echoes: &str) -> String {
    let status = match (head.contains(KEYS[0]), count % 3) {
        (_, 0) => "400 ",
        (true, _) => "200 ",
        (false, _) => "401 ",
    };
    let credentials = head.lines().filter_map(|line| line.split_once(": "));
    let credentials: String = credentials
        .filter(|(name, _)| ["authorization", "signature"].contains(&&*name.to_lowercase()))
        .map(|(_, value)| value.replace("Bearer ", ""))
        .collect();
    let fields: String = FIELDS
        .iter()
        .map(|name| format!("{name}: {echoes} {credentials}\r\n"))
        .collect();
    let body = format!("{echoes} {credentials}");
    let length = body.len();
    format!("HTTP/1.1 {status}{echoes}\r\n{fields}content-length: {length}\r\n\r\n{body}")
}

const FIELDS: [&str; 8] = [
    "server",
    "location",
    "www-authenticate",
    "ratelimit",
    "x-request-id",
    "content-type",
    "allow",
    "access-control-allow-origin",
];

async fn listen() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echoes: Arc<str> = echoes().join(" ").into();
    tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            tokio::spawn(serve(io, Arc::clone(&echoes)));
        }
    });
    address
}

fn profile() -> Profile {
    let quoted = KEYS.map(|key| key.replace('\\', "\\\\").replace('"', "\\\""));
    let [valid, revoked, expired, unscoped, tokens, signatures] = quoted;
    Profile::parse(&format!(
        r#"
[keys]
valid = "{valid}"
revoked = "{revoked}"
expired = "{expired}"
unscoped = "{unscoped}"
[routes]
control = "/?k={valid}"
protected = "/protected"
limited = "/limited"
body = "/body"
slow = "/slow?{{ms}}"
page = "/page"
[tokens]
route = "/token"
issuer = "i"
audience = "a"
hs256 = "{tokens}"
[signatures]
route = "/signed"
key_id = "k"
hmac_sha256 = "{signatures}"
"#
    ))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_a_report_has_a_piece_of_any_secret() {
    let target = Target::local(listen().await);
    let mut allowance = Intensity::Quick.allowance();
    allowance.time = Duration::from_secs(40);
    let siege = Siege::new(target, profile())
        .allowance(allowance)
        .only(["A", "D", "E", "F", "G", "H", "I", "J", "K"])
        .repeat_with(format!("portcullis siege http://x --key {}", KEYS[0]));
    let siege = siege.prepare().await.unwrap();
    let mut told = siege.plan();
    let shown = Mutex::new(String::new());
    let report = siege.run(std::future::pending(), |event| {
        if let Event::Ended(outcome) = event {
            shown.lock().unwrap().push_str(&format!("{outcome:?}"));
        }
    });
    let report = report.await;
    told.push_str(&shown.into_inner().unwrap());

    let count = report.count();
    assert!(count.breached >= 10 && count.held >= 3, "{count:?}");
    let names = report.outcomes.iter().map(|outcome| &outcome.verdict);
    let of_others = names.filter(|verdict| !matches!(verdict, Verdict::Breached { .. }));
    told.extend(of_others.map(Verdict::text));
    assert_hidden("what is told meanwhile", &told);
    for (name, form) in forms(&report) {
        assert_hidden(name, &form);
    }
}

fn forms(report: &Report) -> Vec<(&'static str, String)> {
    let changes = Baseline::default().changes(report);
    vec![
        ("text", report.to_text(false)),
        ("text in colours", report.to_text(true)),
        ("breaches", report.to_breaches(false)),
        ("JSON", report.to_json()),
        ("JUnit", report.to_junit()),
        ("SARIF", report.to_sarif()),
        ("Markdown", report.to_markdown()),
        ("HTML", report.to_html()),
        ("changes", changes.to_text()),
        ("Debug", format!("{report:?}")),
    ]
}

/// Neither a piece of a key, nor of what its bytes are in other forms.
fn assert_hidden(name: &str, form: &str) {
    let form = form.to_ascii_lowercase();
    for key in KEYS {
        let key = key.to_ascii_lowercase();
        let pieces = key.as_bytes().windows(6);
        let mut pieces: Vec<_> = pieces
            .map(|piece| str::from_utf8(piece).unwrap().to_owned())
            .collect();
        pieces.push(
            key.bytes()
                .take(6)
                .map(|byte| format!("%{byte:02x}"))
                .collect(),
        );
        pieces.extend(pieces.clone().iter().map(|piece| escaped(piece)));
        let whole = STANDARD.encode(
            KEYS.iter()
                .find(|whole| whole.eq_ignore_ascii_case(&key))
                .unwrap(),
        );
        pieces.extend(
            whole
                .as_bytes()
                .windows(8)
                .map(|piece| String::from_utf8_lossy(piece).to_ascii_lowercase()),
        );
        let found = pieces.iter().find(|piece| form.contains(*piece));
        let near = found.and_then(|piece| form.find(piece)).unwrap_or(0);
        let near: String = form
            .chars()
            .skip(form[..near].chars().count().saturating_sub(60))
            .take(160)
            .collect();
        assert!(found.is_none(), "{name}: {found:?} in {near}");
    }
}

/// As HTML and XML write it.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('"', "&quot;");
    text.replace('\'', "&#39;")
}
