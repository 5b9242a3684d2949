//! Headers that anybody can send, and that a server may take for a proxy's.

use super::{
    door::{Door, Try, nowhere},
    key,
    paths::unlike,
    protected,
};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

/// Both ways: the check sees the public path and the router the other, or the reverse.
pub(crate) async fn rewrites(context: &Context) -> Finding {
    let (path, control) = (protected(context)?, context.control());
    let door = Door::find(context).await?;
    let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
    let (unlike, nowhere) = (unlike(path), nowhere());
    let mut tries = Vec::new();
    for name in REWRITES {
        let named = |at: &str, value: &str| Request::get(at).header(name, value);
        for public in [control, "/", &nowhere] {
            tries.push(Try::new(named(public, path), [named(public, &unlike)]));
        }
        tries.push(Try::new(named(path, control), [named(&nowhere, control)]));
    }
    for name in PREFIXES {
        let named = |at: &str, value: &str| Request::get(at).header(name, value);
        let alone = format!("/{last}");
        let twins = [Request::get(&alone), named(&nowhere, folder)];
        tries.push(Try::new(named(&alone, folder), twins));
        tries.push(Try::new(named(path, control), [named(&nowhere, control)]));
    }
    let count = door.holds(context, tries, "by a rewriting header").await?;
    Ok(format!("{count} rewriting headers, none believed"))
}

pub(crate) async fn overrides(context: &Context) -> Finding {
    let path = protected(context)?;
    let door = Door::find(context).await?;
    let and = if path.contains('?') { '&' } else { '?' };
    let mut tries = Vec::new();
    for (sent, meant) in METHODS {
        // What either method is served anyway is no way in.
        let twins = [sent, meant].map(|method| Request::new(method, path));
        let named = OVERRIDES
            .iter()
            .map(|name| Request::new(sent, path).header(name, meant));
        let queried = Request::new(sent, format!("{path}{and}_method={meant}"));
        let requests = named.chain([queried]);
        tries.extend(requests.map(|request| Try::new(request, twins.clone())));
    }
    let how = "by an override of its method";
    let count = door.holds(context, tries, how).await?;
    Ok(format!("{count} overrides, none served"))
}

pub(crate) async fn local_addresses(context: &Context) -> Finding {
    let fields = ADDRESSES.iter().flat_map(|name| {
        let values = ["127.0.0.1", "::1", "10.0.0.1", "localhost"];
        values.map(|value| (*name, value))
    });
    let others = [
        ("forwarded", "for=127.0.0.1"),
        ("forwarded", "for=\"[::1]\";host=localhost;proto=https"),
        ("via", "1.1 localhost"),
        ("via", "1.1 127.0.0.1 (internal)"),
        ("host", "localhost"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-server", "localhost"),
        ("x-forwarded-by", "127.0.0.1"),
    ];
    let count = none_opens(context, fields.chain(others), "as if from this machine").await?;
    Ok(format!("{count} addresses that are written, none believed"))
}

pub(crate) async fn identities(context: &Context) -> Finding {
    let own = format!("http://{}/", context.target.authority());
    let names = IDENTITIES
        .iter()
        .flat_map(|name| ["admin", "1", "true"].map(|value| (*name, value)));
    let others = [
        ("x-ssl-client-verify", "SUCCESS"),
        ("x-client-verify", "SUCCESS"),
        ("ssl-client-verify", "SUCCESS"),
        ("x-ssl-client-s-dn", "CN=admin"),
        (
            "x-forwarded-client-cert",
            "By=spiffe://a;Subject=\"CN=admin\"",
        ),
    ];
    let guests = GUESTS.into_iter().chain([("referer", own.as_str())]);
    let named = names.chain(others).chain(guests);
    let count = none_opens(context, named, "to a name in a header").await?;
    Ok(format!("{count} names in headers, none believed"))
}

/// What CGI and its kind take for the field with dashes.
pub(crate) async fn underscores(context: &Context) -> Finding {
    let (name, key) = (&context.profile.keys.header, key(context)?);
    let name = name.replace('-', "_");
    let path = protected(context)?;
    let fields = [
        ("x_forwarded_for", "127.0.0.1"),
        ("x_real_ip", "127.0.0.1"),
        ("x_original_url", context.control()),
        ("x_rewrite_url", context.control()),
        ("x_forwarded_user", "admin"),
        ("remote_user", "admin"),
        ("remote_addr", "127.0.0.1"),
    ];
    let mut count = none_opens(context, fields, "by a field with an underscore").await?;
    if name.contains('_') {
        let door = Door::find(context).await?;
        let request = Request::get(path).header(&name, key);
        count += door
            .holds(
                context,
                [request],
                "with the key in a field with underscores",
            )
            .await?;
    }
    Ok(format!("{count} fields with underscores, none believed"))
}

async fn none_opens<'f>(
    context: &Context,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    how: &str,
) -> Result<usize, Failure> {
    let path = protected(context)?;
    let door = Door::find(context).await?;
    let requests = fields
        .into_iter()
        .map(|(name, value)| Request::get(path).header(name, value));
    let requests: Vec<_> = requests.collect();
    door.holds(context, requests, how).await
}

const REWRITES: [&str; 6] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-override-url",
];

const PREFIXES: [&str; 3] = ["x-forwarded-prefix", "x-forwarded-path", "x-script-name"];

const OVERRIDES: [&str; 3] = [
    "x-http-method-override",
    "x-method-override",
    "x-http-method",
];

/// What is sent, and what it is to be taken for.
const METHODS: [(&str, &str); 5] = [
    ("GET", "OPTIONS"),
    ("GET", "HEAD"),
    ("GET", "POST"),
    ("OPTIONS", "GET"),
    ("POST", "GET"),
];

const ADDRESSES: [&str; 9] = [
    "x-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "x-originating-ip",
    "x-remote-addr",
];

/// Who needs no key, for who believes what a client says that it is.
const GUESTS: [(&str, &str); 5] = [
    ("user-agent", "kube-probe/1.29"),
    ("user-agent", "ELB-HealthChecker/2.0"),
    ("user-agent", "GoogleHC/1.0"),
    ("user-agent", "Prometheus/2.45.0"),
    (
        "user-agent",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
];

const IDENTITIES: [&str; 10] = [
    "x-forwarded-user",
    "x-remote-user",
    "remote-user",
    "x-authenticated-user",
    "x-auth-request-user",
    "x-consumer-username",
    "x-user-id",
    "x-user",
    "x-internal",
    "x-admin",
];
