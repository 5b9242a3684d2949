//! Bodies that no parser takes.

use serde_json::{Map, Value, json};

use super::{
    inside::{PARSERS, STACKS, told},
    odd::answered,
};
use crate::{
    Level,
    attacks::answers::Kind,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn malformed(context: &Context) -> Finding {
    let kinds = sent(context).await?;
    let fails = |kind: &&Kind| matches!(kind.answer.status, 500 | 502 | 504);
    match kinds.iter().find(fails) {
        None => Ok(format!("{} bodies, no internal error", kinds.len())),
        Some(kind) => Err(kind.breach(context, "an internal error for a malformed body")),
    }
}

pub(crate) async fn told_of_malformed(context: &Context) -> Finding {
    let kinds = sent(context).await?;
    for (names, level) in [(STACKS, None), (PARSERS, Some(Level::Opinion))] {
        for kind in kinds.iter().filter(|kind| kind.is_error()) {
            let Some(name) = told(&kind.request, &kind.answer, names) else {
                continue;
            };
            let what = format!("the error of a malformed body says {name:?}");
            let evidence = kind.request.evidence(context, &kind.answer, what);
            return Err(match level {
                Some(level) => evidence.at_most(level).into(),
                None => evidence.into(),
            });
        }
    }
    Ok(format!("{} bodies", kinds.len()))
}

async fn sent(context: &Context) -> Result<Vec<Kind>, Failure> {
    let path = route(&context.profile.routes.body)?;
    let requests = bodies().into_iter().map(|(kind, body)| {
        let post = Request::new("POST", path).key(context);
        post.header("content-type", kind).body(body)
    });
    let sample = context.sample();
    let members = if sample.is_json() {
        members(sample.text())
    } else {
        Vec::new()
    };
    let members = members.into_iter().map(|body| {
        let post = sample.typed(Request::new("POST", path));
        post.key(context).body(body)
    });
    let fields = odd_fields(context);
    let requests = requests.chain(members).chain(fields);
    answered(context, requests.collect::<Vec<_>>()).await
}

/// Fields that no parser takes, where a body is served and where none is.
fn odd_fields(context: &Context) -> impl Iterator<Item = Request> {
    let large = context.profile.routes.large.as_deref();
    let paths = [Some(context.control()), large];
    let paths = paths.into_iter().flatten();
    paths.flat_map(|path| FIELDS.map(|(name, value)| context.get(path).header(name, value)))
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<_> = BODIES
        .iter()
        .map(|(kind, body)| (*kind, body.to_vec()))
        .collect();
    all.push((JSON, "[".repeat(4000).into_bytes()));
    let utf16 = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes);
    all.push(("application/json; charset=utf-16", utf16.collect()));
    all
}

const FIELDS: [(&str, &str); 12] = [
    ("cookie", "a b=c; =; a,b=\"; siege"),
    ("cookie", "$Version=x; {\"a\":1}=%zz"),
    ("accept-language", "*_-siege;q=x"),
    ("accept", "/;q=siege, a"),
    ("accept-charset", "siege;q=;"),
    ("range", "bytes=5-2"),
    ("range", "bytes=99999999999999999999-"),
    ("if-modified-since", "Sie, 99 Ege 9999 99:99:99 GMT"),
    ("if-none-match", "W/siege"),
    ("forwarded", "for=\"[::\";proto"),
    ("user-agent", ""),
    ("traceparent", "siege-siege-siege"),
];

/// The sample, with one member after the other of another kind, or without it.
fn members(sample: &str) -> Vec<String> {
    let value: Map<String, Value> = serde_json::from_str(sample).unwrap_or_default();
    let wrong = [
        json!("'"),
        json!(-1),
        json!(1e300),
        json!(null),
        json!([[]]),
        json!({"$gt": ""}),
    ];
    let each = value.keys().take(MEMBERS).flat_map(|name| {
        let without = value.iter().filter(|(other, _)| *other != name);
        let without: Map<_, _> = without
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let with = wrong.iter().map(|wrong| {
            let mut changed = value.clone();
            changed.insert(name.clone(), wrong.clone());
            changed
        });
        with.chain([without.clone()]).collect::<Vec<_>>()
    });
    each.map(|changed| Value::Object(changed).to_string())
        .collect()
}

/// So many members of a sample are changed.
const MEMBERS: usize = 8;
const JSON: &str = "application/json";

const BODIES: [(&str, &[u8]); 20] = [
    (JSON, b""),
    (JSON, b"{"),
    (JSON, b"{\"a\":"),
    (JSON, b"{\"a\":1,}"),
    (JSON, b"null"),
    (JSON, b"[]"),
    (JSON, b"\"text\""),
    (JSON, b"{\"a\":1e999}"),
    (JSON, b"{\"a\":1,\"a\":2}"),
    (JSON, b"{\"id\":{\"$gt\":\"\"},\"name\":[[]],\"n\":\"x\"}"),
    (JSON, b"{\"__proto__\":{\"x\":1}}"),
    (JSON, b"{\"a\":\"\\ud800\"}"),
    (JSON, b"{\"a\":\"\xff\xfe\"}"),
    ("application/json; charset=siege", b"{}"),
    ("application/json; charset=", b"{}"),
    ("application/x-www-form-urlencoded", b"%zz=%&a[=1&=&a=%ff"),
    ("multipart/form-data", b"--siege"),
    ("multipart/form-data; boundary=a", b"--a\r\nsiege"),
    (
        "application/xml",
        b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;&d;",
    ),
    ("siege", b"a"),
];
