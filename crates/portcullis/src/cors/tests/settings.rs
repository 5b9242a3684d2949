use std::time::Duration;

use portcullis_core::Guard;

use super::*;

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let error = Cors::builder([
        "*",
        "https://app.example.",
        "https://*.com",
        "https://*",
        "https://a.*.example.com",
        "https://*.127.0.0.1",
        "null",
        "https://me@app.example",
        "https://app.example/x",
        "app.example",
    ])
    .methods(["put", "*", "TRACE", "A B"])
    .request_headers(["*", "a b"])
    .exposed_headers(["\u{e9}"])
    .credentials(true)
    .max_age(Duration::from_secs(86_401))
    .build()
    .unwrap_err();

    let problems: Vec<_> = error.problems().collect();
    assert_eq!(
        problems,
        [
            "cors: origin \"https://app.example.\": its host ends with a dot",
            "cors: origin \"https://*.com\": everybody can have a name there: two labels are needed behind the *",
            "cors: origin \"https://*\": \"*\" is not a host",
            "cors: origin \"https://a.*.example.com\": \"a.*.example.com\" is not a host",
            "cors: origin \"https://*.127.0.0.1\": an address has no names below it",
            "cors: origin \"null\": it is the origin of every page that has none",
            "cors: origin \"https://me@app.example\": it has user information",
            "cors: origin \"https://app.example/x\": it has a path: even a slash at the end is one",
            "cors: origin \"app.example\": it does not begin with http:// or https://",
            "cors: * allows every origin, and there are others",
            "cors: * with credentials would let every site act for its visitors",
            "cors: method \"put\": it has lowercase letters: methods are compared with regard to case",
            "cors: method \"*\": it would allow every method: name them",
            "cors: method \"TRACE\": no browser sends it",
            "cors: method \"A B\": it is not an HTTP method",
            "cors: request header \"*\": it would allow every field: name them",
            "cors: request header \"a b\": it is not a field name",
            "cors: exposed header \"\u{e9}\": it is not a field name",
            "cors: an empty list of methods refuses every preflight",
            "cors: max age: no browser heeds more than a day",
        ]
    );
}

#[test]
fn no_origin_is_none() {
    let error = Cors::new(Vec::<String>::new()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "cors: there is no origin; turn it off instead"
    );
}

#[tokio::test]
async fn an_origin_is_canonical_however_it_was_configured() {
    let cors = Cors::new(["HTTPS://Good.com:443"]).unwrap();
    let response = answer(&cors, with(Method::GET, &[("origin", GOOD)])).await;

    assert_eq!(response.headers()["access-control-allow-origin"], GOOD);
}

#[tokio::test]
async fn zero_is_said() {
    let cors = Cors::builder([GOOD]).max_age(Duration::ZERO);
    let fields = [("origin", GOOD), ("access-control-request-method", "GET")];
    let preflight = with(Method::OPTIONS, &fields);
    let response = answer(&cors.build().unwrap(), preflight).await;

    assert_eq!(response.headers()["access-control-max-age"], "0");
}

#[test]
fn it_is_described() {
    let any = Cors::new(["*"]).unwrap();

    assert_eq!(any.describe(), "CORS for any origin: GET HEAD POST");
    assert_eq!(
        cors().describe(),
        "CORS for https://good.com: GET PUT, with credentials"
    );
}
