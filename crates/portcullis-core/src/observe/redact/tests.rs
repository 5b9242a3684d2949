use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

mod slow;

/// A key as this project makes them, and a token.
const KEY: &str = "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc4iBoSt";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWl0";

/// A secret that nobody could tell by its looks.
const CANARY: &str = "hunter2";

/// Queries, and what is left of them.
const SPELLINGS: [(&str, &str); 65] = [
    // The conventions' own.
    ("AWSAccessKeyId=hunter2", "AWSAccessKeyId=REDACTED"),
    ("Signature=hunter2&a=1", "Signature=REDACTED&a=1"),
    ("sig=hunter2", "sig=REDACTED"),
    ("X-Amz-Credential=hunter2", "X-Amz-Credential=REDACTED"),
    (
        "X-Amz-Security-Token=hunter2",
        "X-Amz-Security-Token=REDACTED",
    ),
    ("X-Amz-Signature=hunter2", "X-Amz-Signature=REDACTED"),
    ("X-Goog-Signature=hunter2", "X-Goog-Signature=REDACTED"),
    // What leaked.
    ("client_secret=hunter2", "client_secret=REDACTED"),
    ("id_token=hunter2", "id_token=REDACTED"),
    ("api-key=hunter2", "api-key=REDACTED"),
    ("jwt=hunter2", "jwt=REDACTED"),
    // Names.
    ("token=hunter2=x", "token=REDACTED"),
    ("access_token=hunter2", "access_token=REDACTED"),
    ("refresh_token=hunter2", "refresh_token=REDACTED"),
    ("password=hunter2", "password=REDACTED"),
    ("passwd=hunter2", "passwd=REDACTED"),
    ("pwd=hunter2", "pwd=REDACTED"),
    ("password2=hunter2", "password2=REDACTED"),
    (
        "password_confirmation=hunter2",
        "password_confirmation=REDACTED",
    ),
    ("code=hunter2", "code=REDACTED"),
    ("key=hunter2", "key=REDACTED"),
    ("apikey=hunter2", "apikey=REDACTED"),
    (
        "Ocp-Apim-Subscription-Key=hunter2",
        "Ocp-Apim-Subscription-Key=REDACTED",
    ),
    ("authorization=hunter2", "authorization=REDACTED"),
    ("client_assertion=hunter2", "client_assertion=REDACTED"),
    ("SAMLResponse=hunter2", "SAMLResponse=REDACTED"),
    ("PHPSESSID=hunter2", "PHPSESSID=REDACTED"),
    // Case and punctuation.
    ("API_KEY=hunter2", "API_KEY=REDACTED"),
    ("ApiKey=hunter2", "ApiKey=REDACTED"),
    ("api.key=hunter2", "api.key=REDACTED"),
    ("apikey[]=hunter2", "apikey[]=REDACTED"),
    ("user[password]=hunter2", "user[password]=REDACTED"),
    ("token[0]=hunter2", "token[0]=REDACTED"),
    ("$api+key=hunter2", "$api+key=REDACTED"),
    ("a?token=hunter2", "a?token=REDACTED"),
    // Encoded.
    ("%61pi_key=hunter2", "%61pi_key=REDACTED"),
    ("%2561pi_key=hunter2", "%2561pi_key=REDACTED"),
    ("api%5Fkey=hunter2", "api%5Fkey=REDACTED"),
    ("%54%4F%4B%45%4E=hunter2", "%54%4F%4B%45%4E=REDACTED"),
    ("to%E2%80%8Bken=hunter2", "to%E2%80%8Bken=REDACTED"),
    ("token%3Dhunter2", "REDACTED"),
    ("key%3D1", "REDACTED"),
    ("to+ken=hunter2", "to+ken=REDACTED"),
    ("tok%65n=%68unter2", "tok%65n=REDACTED"),
    // Separators.
    ("a=1;token=hunter2", "a=1;token=REDACTED"),
    ("token=a;hunter2&b=2", "token=REDACTED&b=2"),
    ("a=1&&token=hunter2&", "a=1&&token=REDACTED&"),
    ("a=1&b=2?token=hunter2", "a=1&b=REDACTED"),
    // Nested.
    ("next=/x?token=hunter2", "next=REDACTED"),
    ("next=%2Fx%3Ftoken%3Dhunter2&a=1", "next=REDACTED&a=1"),
    ("next=%252Fx%253Ftoken%253Dhunter2", "next=REDACTED"),
    ("next=https://user:hunter2@host/", "next=REDACTED"),
    ("filter={\"password\":\"hunter2\"}", "filter=REDACTED"),
    (
        "filter=%7B%22password%22%20:%20%22hunter2%22%7D",
        "filter=REDACTED",
    ),
    ("filter={\"key\"+:+\"hunter2\"}", "filter=REDACTED"),
    ("q=token:hunter2", "q=REDACTED"),
    // Without a name.
    ("q=Bearer+hunter2hunter2", "q=REDACTED"),
    ("q=Basic%20aHVudGVyMjpodW50ZXIy", "q=REDACTED"),
    ("q=AKIAIOSFODNN7EXAMPLE", "q=REDACTED"),
    ("q=ghp_16C7e42F292c6912E7710c838347Ae178B4a", "q=REDACTED"),
    (
        "x=pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc4iBoSt",
        "x=REDACTED",
    ),
    (
        "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc4iBoSt",
        "REDACTED",
    ),
    (
        "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ=1",
        "REDACTED=1",
    ),
    (
        "x=PK%5F4FZQ0M8C1X7D%5F0123456789ABCDEFGHIJABCDEFGHIJ0123456789ABC4IBOST",
        "x=REDACTED",
    ),
    (
        "x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln",
        "x=REDACTED",
    ),
];

#[test]
fn no_spelling_of_a_secret_is_left() {
    for (query, expected) in SPELLINGS {
        assert_eq!(redacted_query(query), expected, "{query}");
        assert!(!redacted_query(query).contains(CANARY), "{query}");
    }
}

#[test]
fn what_is_no_secret_is_left_alone() {
    for query in [
        "",
        "&",
        "a=1&b",
        "page=2&sort=-created_at;desc&max_tokens=100",
        "q=the+author+of+a+keyboard&zip_code=12345&monkey=1",
        "next=https://example.com/a?page=2&time=12:30:00",
        "id=7b1c6f0e-1d4c-4c58-9d55-0f8f3f6e0a11&utm_source=a_b_c",
        "trace=span_0123456789abcdef0123456789abcdef",
        "%zz=%&==%3D",
        "q=basic+documentation&w=bearer+of+news&e=eyJ",
        "name=M%C3%BCller&emoji=\u{1f600}",
    ] {
        assert!(
            matches!(redacted_query(query), Cow::Borrowed(same) if same == query),
            "{query}"
        );
    }
}

#[test]
fn a_secret_in_a_path_is_hidden() {
    for (path, expected) in [
        (format!("/keys/{KEY}/use"), "/keys/REDACTED/use"),
        (
            format!("/keys/{}", KEY.replace('_', "%5F")),
            "/keys/REDACTED",
        ),
        (format!("/t/{JWT}"), "/t/REDACTED"),
        (
            "/a;jsessionid=hunter2;b=1/c".to_owned(),
            "/a;jsessionid=REDACTED/c",
        ),
        ("/a/token=hunter2".to_owned(), "/a/token=REDACTED"),
    ] {
        assert_eq!(redacted_path(&path), expected);
    }
    for path in [
        "/",
        "*",
        "",
        "/users/7/tokens:revoke",
        "/%C3%BC/a=b;c=d",
        "/a//b/",
    ] {
        assert!(
            matches!(redacted_path(path), Cow::Borrowed(same) if same == path),
            "{path}"
        );
    }
}

#[test]
fn a_secret_in_a_url_is_hidden() {
    for (url, expected) in [
        (
            "https://a.example/x?token=hunter2&a=1#top",
            "https://a.example/x?token=REDACTED&a=1#top",
        ),
        (
            "https://a.example/#access_token=hunter2",
            "https://a.example/#access_token=REDACTED",
        ),
        (
            "https://user:hunter2@a.example/x",
            "https://REDACTED@a.example/x",
        ),
        ("/x?%61pi_key=hunter2", "/x?%61pi_key=REDACTED"),
        ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
        ("", ""),
        ("://@?#", "://REDACTED@?#"),
    ] {
        assert_eq!(redacted_url(url), expected);
    }
    assert_eq!(
        redacted_url(&format!("https://a/{KEY}?b")),
        "https://a/REDACTED?b"
    );
}

#[test]
fn a_secret_in_a_text_is_hidden() {
    let text = format!("curl/8.0 ({KEY}; {JWT}) Bearer {CANARY}{CANARY} end");
    assert_eq!(
        redacted_text(&text),
        "curl/8.0 (REDACTED; REDACTED) Bearer REDACTED end"
    );
    let agent =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0";
    assert!(matches!(redacted_text(agent), Cow::Borrowed(_)));
}

#[test]
fn what_follows_the_name_of_a_secret_header_is_hidden_to_the_end_of_its_line() {
    let cases = [
        (
            "Authorization: Digest user=\"bob\", x=hunter2",
            "Authorization: REDACTED",
        ),
        ("Authorization: Token hunter2", "Authorization: REDACTED"),
        (
            "bad authorization=ApiKey hunter2",
            "bad authorization=REDACTED",
        ),
        ("AUTHORIZATION:DPoP hunter2", "AUTHORIZATION:REDACTED"),
        (
            "authorization: AWS4-HMAC-SHA256 Credential=hunter2/20260101/us, Signature=hunter2",
            "authorization: REDACTED",
        ),
        (
            "authorization : Negotiate hunter2==",
            "authorization : REDACTED",
        ),
        ("authorization: Bearer a", "authorization: REDACTED"),
        (
            "Proxy-Authorization: Basic hunter2",
            "Proxy-Authorization: REDACTED",
        ),
        ("cookie: a=hunter2; b=hunter2", "cookie: REDACTED"),
        ("Set-Cookie: a=hunter2; Path=/", "Set-Cookie: REDACTED"),
        ("X-Api-Key: hunter2", "X-Api-Key: REDACTED"),
        ("x-api-key=hunter2é, more", "x-api-key=REDACTED"),
        (
            "{\"authorization\": \"Token hunter2\", \"a\": 1}",
            "{\"authorization\": \"REDACTED",
        ),
        (
            "{\\\"cookie\\\": \\\"hunter2\\\"}",
            "{\\\"cookie\\\": \\\"REDACTED",
        ),
        (
            "host: a\r\ncookie: hunter2\r\nauthorization: Token hunter2\naccept: */*",
            "host: a\r\ncookie: REDACTED\r\nauthorization: REDACTED\naccept: */*",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redacted_text(text), expected);
        assert_eq!(redacted_text(expected), expected, "once is enough");
    }
}

#[test]
fn a_text_about_such_a_header_is_left_alone() {
    for text in [
        "missing authorization header",
        "Authorization",
        "the authorization failed: no such user",
        "authorization:",
        "authorization: \nnext line",
        "shop::authorization::check panicked",
        "two cookies: chocolate and vanilla",
        "set-cookie was sent twice",
        "a key: none of the api keys",
        "preauthorization: done, all is well",
    ] {
        assert!(matches!(redacted_text(text), Cow::Borrowed(_)), "{text}");
    }
}

/// One of the ways in which a client may write a text.
fn encoded(text: &str, way: u8) -> String {
    const FEW: &AsciiSet = &CONTROLS.add(b'_').add(b'.').add(b'a');
    match way {
        0 => text.to_owned(),
        1 => utf8_percent_encode(text, FEW).to_string(),
        2 => utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        3 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        _ => encoded(&encoded(text, 3), 2),
    }
}

fn secret_name() -> impl Strategy<Value = String> {
    let words = [
        "token",
        "API-key",
        "client_secret",
        "Password",
        "sig",
        "id_token",
        "x.api.key",
    ];
    let ends = ["", "[]", "[0]", "2"];
    (0..words.len(), 0..ends.len())
        .prop_map(move |(word, end)| format!("{}{}", words[word], ends[end]))
}

proptest! {
    #[test]
    fn nothing_panics(text: String, more in "[a-z%=&;:/?@#+_.0-9\"]{0,80}") {
        for text in [&text, &more] {
            let _ = (redacted_query(text), redacted_path(text), redacted_url(text), redacted_text(text));
        }
    }

    #[test]
    fn a_named_secret_never_survives(
        name in secret_name(),
        way in 0..5_u8,
        before in "([a-g]{1,4}=[a-z0-9]{0,4}[&;]){0,3}",
        after in "([&;][a-g]{1,4}=[a-z0-9]{0,4}){0,3}",
    ) {
        let query = format!("{before}{}={CANARY}{after}", encoded(&name, way));
        let redacted = redacted_query(&query);
        prop_assert!(!redacted.contains(CANARY), "{} from {}", redacted, query);
        prop_assert!(redacted.starts_with(&before), "{} from {}", redacted, query);
        // What comes after an `&` is no part of it.
        let others = after.find('&').map_or("", |at| &after[at..]);
        prop_assert!(redacted.ends_with(others), "{} from {}", redacted, query);
    }

    #[test]
    fn a_key_never_survives(
        id in "[a-z0-9]{1,32}",
        secret in "[a-zA-Z0-9]{43}",
        cut in 25..=49_usize,
        way in 0..5_u8,
        name in "[a-g]{1,5}(%3D|=|%26|%3B|/|%2F|\\?)?",
    ) {
        let tail: String = format!("{secret}4iBoSt").chars().take(cut).collect();
        let key = format!("pk_{id}_{tail}");
        for query in [format!("{name}={}", encoded(&key, way)), format!("{}&{name}", encoded(&key, way))] {
            let redacted = redacted_query(&query);
            prop_assert!(!decoded(redacted.as_bytes()).windows(20).any(|some| tail.as_bytes().windows(20).any(|own| own == some)), "{}", redacted);
        }
        let path = format!("/{name}/{}", encoded(&key, way));
        prop_assert!(redacted_path(&path).ends_with("REDACTED"), "{}", path);
        let text = format!("a {key}");
        prop_assert_eq!(redacted_text(&text), "a REDACTED");
    }

    // No name of a secret is spelled with these letters alone.
    #[test]
    fn parts_without_a_secret_are_the_same(query in "([u-z]{1,3}[0-9]?(=[a-z0-9.~-]{0,9})?[&;]){0,9}") {
        prop_assert!(matches!(redacted_query(&query), Cow::Borrowed(same) if same == query));
    }
}
