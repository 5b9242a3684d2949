//! The vectors of RFC 9421, appendix B.

use http::{HeaderMap, Request, request};
use portcullis_core::{ManualClock, Principal, WallClock};

use super::{SigningKey, TestBody, judged};
use crate::signature::{
    Algorithm, SignatureGuard, SignatureKey, SignatureKeys, SignaturePolicy, Signer,
    fields::Signed, message::Message,
};

/// B.2: `test-request`.
fn test_request() -> request::Builder {
    Request::post("/foo?param=Value&Pet=dog")
        .header("host", "example.com")
        .header("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("content-type", "application/json")
        .header("content-digest", DIGEST)
        .header("content-length", "18")
}

fn with_signature(input: &str, signature: &str) -> Request<TestBody> {
    let request = test_request().header("signature-input", input);
    let request = request.header("signature", signature);
    request
        .body(TestBody::from("{\"hello\": \"world\"}"))
        .unwrap()
}

/// The base of a request with this input.
fn base(input: &str) -> String {
    let (label, _) = input.split_once('=').unwrap();
    let request = with_signature(input, &format!("{label}=:AA==:"));
    base_of(request)
}

fn base_of<B>(request: Request<B>) -> String {
    let (head, _) = request.into_parts();
    let signed = Signed::find(&head.headers, None).unwrap();
    let message = Message::incoming(&head, None);
    message.base(&signed.components, &signed.input).unwrap()
}

fn guard(id: &str, key: SignatureKey, required: &[&str]) -> SignatureGuard {
    let keys = SignatureKeys::new().and(id, key);
    let policy = SignaturePolicy::new()
        .require(required)
        .dangerous_unsigned_bodies()
        .clock(WallClock::from(&ManualClock::new(1_618_884_473)));
    SignatureGuard::try_new(keys, policy).unwrap()
}

#[test]
fn b_2_1_a_base_of_nothing() {
    let input =
        "sig-b21=();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\"";

    assert_eq!(
        base(input),
        "\"@signature-params\": ();created=1618884473;keyid=\"test-key-rsa-pss\"\
         ;nonce=\"b3k2pp5k7z-50gnwp.yemd\""
    );
}

#[test]
fn b_2_2_selected_components() {
    let input = "sig-b22=(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\")\
                 ;created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\"";

    assert_eq!(
        base(input),
        format!(
            "\"@authority\": example.com\n\
             \"content-digest\": {DIGEST}\n\
             \"@query-param\";name=\"Pet\": dog\n\
             \"@signature-params\": (\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\")\
             ;created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\""
        )
    );
}

#[test]
fn b_2_3_full_coverage() {
    let input = "sig-b23=(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" \
                 \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"";

    assert_eq!(
        base(input),
        format!(
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
             \"@method\": POST\n\
             \"@path\": /foo\n\
             \"@query\": ?param=Value&Pet=dog\n\
             \"@authority\": example.com\n\
             \"content-type\": application/json\n\
             \"content-digest\": {DIGEST}\n\
             \"content-length\": 18\n\
             \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \
             \"content-type\" \"content-digest\" \"content-length\")\
             ;created=1618884473;keyid=\"test-key-rsa-pss\""
        )
    );
}

/// Of a response, so that its base is given: `@status` is not a component of a request.
#[test]
fn b_2_4_ecdsa_p256() {
    let base = "\"@status\": 200\n\
        \"content-type\": application/json\n\
        \"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n\
        \"content-length\": 23\n\
        \"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\")\
        ;created=1618884473;keyid=\"test-key-ecc-p256\"";
    let signature =
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==";
    let key = p256();

    assert_eq!(key.algorithm(), Algorithm::EcdsaP256Sha256);
    assert!(key.verifies(base.as_bytes(), &standard(signature)));
    assert!(!key.verifies(&base.as_bytes()[1..], &standard(signature)));
}

#[test]
fn b_2_5_hmac_sha256() {
    let input = "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
    let signature = "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
    let secret = standard(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    );
    let key = SigningKey::hmac_sha256(&secret).unwrap();
    let required = ["date", "@authority", "content-type"];
    let guard = guard(
        "test-shared-secret",
        key.verifying_key(Principal::new("test")),
        &required,
    );

    assert_eq!(judged(&guard, with_signature(input, signature)), Ok(()));
    let headers = signed_again("test-shared-secret", key, &required, "sig-b25");
    assert_eq!(headers["signature-input"], input);
    assert_eq!(headers["signature"], signature);
}

#[test]
fn b_2_6_ed25519() {
    let input = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                 ;created=1618884473;keyid=\"test-key-ed25519\"";
    let signature = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
    let required = [
        "date",
        "@method",
        "@path",
        "@authority",
        "content-type",
        "content-length",
    ];
    let public = url_safe("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
    let public = SignatureKey::ed25519(public, Principal::new("test")).unwrap();
    let guard = guard("test-key-ed25519", public, &required);

    assert_eq!(judged(&guard, with_signature(input, signature)), Ok(()));
    let private = SigningKey::from_pem(ED25519).unwrap();
    let headers = signed_again("test-key-ed25519", private, &required, "sig-b26");
    assert_eq!(headers["signature-input"], input);
    assert_eq!(headers["signature"], signature);
}

/// What RFC 9421 shows to hold through proxies: lines may be combined, and fields added. Not in another
/// order.
#[test]
fn b_4_a_message_that_was_transformed() {
    let signed = |accept: &[&str]| {
        let request = Request::get("/demo?name1=Value1&Name2=value2")
            .header("host", "example.org")
            .header("date", "Fri, 15 Jul 2022 14:24:55 GMT")
            .header("signature-input", "transform=(\"@method\" \"@path\" \"@authority\" \"accept\");created=1618884473;keyid=\"test-key-ed25519\"")
            .header("signature", "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:");
        let request = accept
            .iter()
            .fold(request, |request, line| request.header("accept", *line));
        request.body(TestBody::default()).unwrap()
    };
    let key = SigningKey::from_pem(ED25519)
        .unwrap()
        .verifying_key(Principal::new("test"));
    let guard = guard(
        "test-key-ed25519",
        key,
        &["@method", "@path", "@authority", "accept"],
    );

    assert_eq!(judged(&guard, signed(&["application/json", "*/*"])), Ok(()));
    assert_eq!(judged(&guard, signed(&["application/json, */*"])), Ok(()));
    let mut added = signed(&["application/json", "*/*"]);
    added
        .headers_mut()
        .insert("accept-language", "en-US".parse().unwrap());
    assert_eq!(judged(&guard, added), Ok(()));
    assert!(judged(&guard, signed(&["*/*", "application/json"])).is_err());
    assert!(judged(&guard, signed(&["application/json"])).is_err());
}

/// The examples of section 2.2.8.
#[test]
fn parameters_of_a_query_are_encoded_anew() {
    let of = |target: &str, components: &str| {
        let request = Request::get(target)
            .header("host", "www.example.com")
            .header("signature-input", format!("sig=({components})"))
            .header("signature", "sig=:AA==:");
        base_of(request.body(()).unwrap())
    };

    let base = of(
        "/path?param=value&foo=bar&baz=batman&qux=",
        "\"@query-param\";name=\"baz\" \"@query-param\";name=\"qux\" \"@query-param\";name=\"param\"",
    );
    assert!(base.starts_with(
        "\"@query-param\";name=\"baz\": batman\n\
         \"@query-param\";name=\"qux\": \n\
         \"@query-param\";name=\"param\": value\n"
    ));
    let base = of(
        "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something",
        "\"@query-param\";name=\"var\" \"@query-param\";name=\"bar\" \"@query-param\";name=\"fa%C3%A7ade%22%3A%20\"",
    );
    assert!(base.starts_with(
        "\"@query-param\";name=\"var\": this%20is%20a%20big%0Amultiline%20value\n\
         \"@query-param\";name=\"bar\": with%20plus%20whitespace\n\
         \"@query-param\";name=\"fa%C3%A7ade%22%3A%20\": something\n"
    ));
}

/// A proxy signs what it tells of its client.
#[test]
fn b_3_a_proxy_that_ends_tls() {
    let request = |cert: &str| {
        let request = Request::post("/foo?param=Value&Pet=dog")
            .header("host", "service.internal.example")
            .header("client-cert", format!(":{cert}:"))
            .header("signature-input", "ttrp=(\"@path\" \"@query\" \"@method\" \"@authority\" \"client-cert\");created=1618884473;keyid=\"test-key-ecc-p256\"")
            .header("signature", "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:");
        request.body(TestBody::default()).unwrap()
    };
    let guard = guard(
        "test-key-ecc-p256",
        p256(),
        &["@path", "@query", "@method", "@authority"],
    );

    assert_eq!(judged(&guard, request(CLIENT_CERT)), Ok(()));
    assert!(judged(&guard, request("MAA=")).is_err());
}

/// B.1.3: `test-key-ecc-p256`.
fn p256() -> SignatureKey {
    let mut point = vec![4];
    point.extend(url_safe("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"));
    point.extend(url_safe("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"));
    SignatureKey::ecdsa_p256(point, Principal::new("test")).unwrap()
}

/// Signs the test request as the RFC does.
fn signed_again(id: &str, key: SigningKey, components: &[&str], label: &str) -> HeaderMap {
    let (mut head, ()) = test_request().body(()).unwrap().into_parts();
    let signer = Signer::try_new(id, key).unwrap();
    let signer = signer.components(components).unwrap().label(label).unwrap();
    let clock = WallClock::from(&ManualClock::new(1_618_884_473));
    signer
        .alg(false)
        .clock(clock)
        .sign(&mut head, None)
        .unwrap();
    head.headers
}

fn standard(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).unwrap()
}

fn url_safe(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

const DIGEST: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

/// B.1.4: `test-key-ed25519`.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";

const CLIENT_CERT: &str = "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=";
