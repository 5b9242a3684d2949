use portcullis_core::CspNonce;
use proptest::prelude::*;

use super::{Csp, Policy};

fn problems(text: &str) -> Vec<String> {
    let error = text.parse::<Csp>().unwrap_err();
    error.problems().map(ToOwned::to_owned).collect()
}

fn weak(text: &str) -> Vec<String> {
    let csp: Csp = text.parse().unwrap();
    csp.weaknesses().iter().map(ToString::to_string).collect()
}

#[test]
fn policies_of_profiles_are_right() {
    for csp in [Csp::api(), Csp::page(), Csp::strict(), Csp::file()] {
        let text = csp.to_string();

        assert_eq!(text.parse::<Csp>().as_ref(), Ok(&csp), "{text}");
    }
    assert!(Csp::api().weaknesses().is_empty() && Csp::strict().weaknesses().is_empty());
    assert_eq!(
        Csp::page().weaknesses()[0].to_string(),
        "script-src: missing: any script runs"
    );
}

#[test]
fn names_everything_that_is_wrong_at_once() {
    let wrong = "default-src 'none' 'self'; img-scr *; script-src self 'nonce-abc'; \
                 default-src https:; style-src 'nonce' 'unsafe-inline'; form-action";

    assert_eq!(
        problems(wrong),
        [
            "default-src: 'none' stands beside other sources",
            "\"img-scr\": not a directive that browsers know",
            "script-src: self without quotes is the name of a host; write 'self'",
            "script-src: 'nonce-abc' is the same for each request; write 'nonce' for a fresh one",
            "default-src: duplicate directive",
            "style-src: browsers ignore 'unsafe-inline' beside a nonce, a hash or 'strict-dynamic'",
            "form-action: no source; write 'none'",
        ]
    );
    assert_eq!(problems(" ; "), ["content security policy: it is empty"]);
}

#[test]
fn nothing_can_be_injected() {
    for source in [
        "a;script-src *",
        "a,b",
        "a b",
        "a\nb",
        "a\r",
        "a\0",
        "ä.example",
        "",
        "'self",
        "https://",
        "https://a b",
        "https://a/?q",
        "//a",
        "javascript :",
        "a..b",
        "*.*.b",
        "a:99999",
        "a:+443",
        "*a",
        "nonce-abc",
        "sha256-abc=",
    ] {
        let built = Csp::builder().directive("img-src", [source]).build();

        assert!(built.is_err(), "{source:?}");
    }
    for value in ["/r;x", "/r,x", "/r x"] {
        let built = Csp::builder().directive("report-uri", [value]).build();
        assert!(built.is_err(), "{value:?}");
    }
    assert!(
        Csp::builder()
            .directive("img-src *; x", ["a"])
            .build()
            .is_err()
    );
}

#[test]
fn takes_every_kind_of_source() {
    for source in [
        "'self'",
        "*",
        "https:",
        "data:",
        "wss:",
        "a.example",
        "*.a.example",
        "a.example:8443",
        "https://a.example:*",
        "https://a.example/path/%3b",
        "localhost",
        "127.0.0.1:80",
        "'SELF'",
        "custom+x.y:",
        "nonce-cdn.example",
        "sha256-files.example/a",
        "https://sha256-files.example",
    ] {
        let built = Csp::builder().directive("img-src", [source]).build();

        assert!(built.is_ok(), "{source:?}: {built:?}");
    }
    let hash = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
    let capitals = hash.replacen("sha256", "SHA256", 1);
    for source in [
        hash,
        &*capitals,
        Csp::NONCE,
        "'wasm-unsafe-eval'",
        "'report-sample'",
        "'report-sha384'",
        "'report-sha512'",
    ] {
        let built = Csp::builder().directive("script-src", [source]).build();
        assert!(built.is_ok(), "{source:?}: {built:?}");
        let elsewhere = Csp::builder().directive("img-src", [source]).build();
        assert!(elsewhere.is_err(), "{source:?} means nothing to images");
    }
    assert!("script-src 'sha256-abc'".parse::<Csp>().is_err());
    let padded = hash.replacen('=', "=====", 1);
    let padded = Csp::builder().directive("script-src", [padded]);
    assert!(padded.build().is_err());
}

#[test]
fn what_is_dynamic_needs_a_nonce_and_nothing_else() {
    assert_eq!(
        problems("script-src 'strict-dynamic' https:"),
        [
            "script-src: 'strict-dynamic' without a nonce or a hash lets nothing run",
            "script-src: browsers ignore hosts, schemes and 'self' beside 'strict-dynamic'",
        ]
    );
    assert_eq!(
        problems("script-src 'strict-dynamic' 'nonce' 'self'"),
        ["script-src: browsers ignore hosts, schemes and 'self' beside 'strict-dynamic'"]
    );
    assert!("script-src 'strict-dynamic' 'nonce'".parse::<Csp>().is_ok());
}

#[test]
fn a_nonce_in_capitals_is_a_nonce() {
    let csp: Csp = "script-src 'Nonce'".parse().unwrap();

    assert!(csp.has_nonce());
    assert_eq!(csp.to_string(), "script-src 'nonce'");
}

#[test]
fn scripts_styles_and_attributes_take_what_is_theirs() {
    let hash = format!("'sha256-{}='", "a".repeat(43));
    let hash = &*hash;
    let builds = |name, source| Csp::builder().directive(name, [source]).build().is_ok();
    for (name, source) in [
        ("script-src-elem", "'inline-speculation-rules'"),
        ("default-src", "'unsafe-eval'"),
        ("style-src", Csp::NONCE),
        ("style-src-elem", hash),
        ("script-src-attr", hash),
        ("style-src-attr", "'unsafe-hashes'"),
        ("script-src-attr", "'unsafe-inline'"),
        ("style-src-attr", "'none'"),
    ] {
        assert!(builds(name, source), "{name} {source}");
    }
    for (name, source) in [
        ("script-src-attr", Csp::NONCE),
        ("style-src-attr", Csp::NONCE),
        ("style-src", "'inline-speculation-rules'"),
        ("style-src", "'unsafe-eval'"),
        ("script-src", "'unsafe-allow-redirects'"),
    ] {
        assert!(!builds(name, source), "{name} {source}");
    }
    assert_eq!(
        problems("style-src 'nonce' 'strict-dynamic'"),
        ["style-src: 'strict-dynamic' has no meaning here"]
    );
}

#[test]
fn other_directives_take_what_is_theirs() {
    for fine in [
        "sandbox",
        "sandbox allow-forms Allow-Scripts",
        "upgrade-insecure-requests",
        "report-to csp",
        "require-trusted-types-for 'script'",
        "trusted-types a b",
        "frame-ancestors 'self' https:",
    ] {
        assert!(fine.parse::<Csp>().is_ok(), "{fine}");
    }
    for wrong in [
        "sandbox forms",
        "sandbox allow-everything",
        "report-to a b",
        "upgrade-insecure-requests 1",
        "report-to",
        "trusted-types",
        "require-trusted-types-for script",
        "frame-ancestors 'unsafe-inline'",
        "block-all-mixed-content",
    ] {
        assert!(wrong.parse::<Csp>().is_err(), "{wrong}");
    }
}

#[test]
fn says_what_is_weak() {
    let rest = "; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
    let scripts = |sources: &str| weak(&format!("script-src {sources}{rest}"));

    assert_eq!(scripts("'self' 'nonce'"), [""; 0]);
    assert_eq!(
        scripts("'unsafe-inline' 'unsafe-eval' * data:"),
        [
            "script-src: 'unsafe-inline' lets injected scripts run",
            "script-src: 'unsafe-eval' lets text run as a script",
            "script-src: data: lets a URL be a script",
            "script-src: any host: an injected script runs",
        ]
    );
    assert_eq!(
        weak(&format!("default-src https:{rest}")),
        ["default-src: any host: an injected script runs"]
    );
    assert_eq!(
        weak(
            "default-src 'self'; script-src https://*; object-src *; base-uri *:443; \
             form-action HTTPS:; frame-ancestors http://*:*"
        ),
        [
            "script-src: any host: an injected script runs",
            "object-src: any host: an injected plugin runs",
            "base-uri: any host: an injected <base> redirects scripts",
            "form-action: any host: an injected form sends anywhere",
            "frame-ancestors: any host: any site may frame the page",
        ]
    );
    assert_eq!(
        weak(
            "default-src 'self' *; base-uri 'self'; form-action *.a.example; frame-ancestors 'none'"
        ),
        [
            "default-src: any host: an injected script runs",
            "default-src: any host: an injected plugin runs",
        ]
    );
    assert_eq!(
        weak("img-src *"),
        [
            "script-src: missing: any script runs",
            "object-src: missing: plugins run",
            "base-uri: missing: an injected <base> redirects scripts",
            "form-action: missing: an injected form sends anywhere",
            "frame-ancestors: missing: any site may frame the page",
        ]
    );
}

#[test]
fn is_sent_with_the_nonce_of_the_request_and_where_reports_go() {
    let csp: Csp = "script-src 'nonce'; style-src 'nonce'; upgrade-insecure-requests; sandbox"
        .parse()
        .unwrap();
    let nonce = CspNonce::new("n0");
    let text = |policy: Policy, https| policy.value(Some(&nonce), https).unwrap();

    assert_eq!(
        text(Policy::enforced(&csp, Some("/r")), true),
        "script-src 'nonce-n0'; style-src 'nonce-n0'; upgrade-insecure-requests; sandbox; \
         report-uri /r; report-to portcullis"
    );
    assert_eq!(
        text(Policy::enforced(&csp, None), false),
        "script-src 'nonce-n0'; style-src 'nonce-n0'; sandbox"
    );
    assert_eq!(
        text(Policy::reported(&csp, None), true),
        "script-src 'nonce-n0'; style-src 'nonce-n0'"
    );
    let own: Csp = "img-src 'self'; report-uri /own".parse().unwrap();
    let own = Policy::enforced(&own, Some("/r"));
    assert_eq!(own.fixed().unwrap(), "img-src 'self'; report-uri /own");
}

proptest! {
    /// What is built is what was asked for: no more directives, and no other sources.
    #[test]
    fn what_is_built_reads_as_it_was_meant(sources in prop::collection::vec(".{0,12}", 1..4)) {
        let built = Csp::builder().directive("img-src", &sources).build();
        if let Ok(csp) = built {
            let text = csp.to_string();
            prop_assert_eq!(text.split([';', ',']).count(), 1);
            prop_assert_eq!(text.split(' ').count(), sources.len() + 1);
            prop_assert_eq!(text.parse::<Csp>(), Ok(csp));
        }
    }
}
