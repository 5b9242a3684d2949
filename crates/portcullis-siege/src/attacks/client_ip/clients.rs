//! Clients: who they are, and who they pretend to be.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    attacks::{
        counted::{Counted, by_address},
        limiter::{until_limited, usual},
        rate_limits::Trick,
    },
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

/// How many requests a client at an address of its own is served.
pub(super) async fn directly(context: &Context) -> Result<usize, Failure> {
    by_address(context).await?;
    usual(context, |_, request| request, || context.fresh()).await
}

/// Where the limit does not go by our addresses: a header that gives more than there is without it is
/// believed all the same.
pub(super) async fn by_header_instead(context: &Context, trick: Trick) -> Finding {
    let counted = Counted::of(context).await?;
    trick.no_gain(context).await?;
    counted.by_address()?;
    Ok("no header gives more".to_owned())
}

/// The same, through the trusted proxy.
pub(super) async fn proxied(context: &Context) -> Result<usize, Failure> {
    by_address(context).await?;
    let client = real();
    let through = |_, request: Request| request.header("x-forwarded-for", &client);
    usual(context, through, || proxy(context)).await
}

pub(super) async fn other_client_is_served(context: &Context, first: &str) -> Finding {
    let other = real();
    let through =
        |_, request: Request| request.header("x-forwarded-for", format!("{first}, {other}"));
    served_through(
        context,
        through,
        "another client behind the proxy has no quota of its own",
    )
    .await
}

pub(super) async fn served_through(
    context: &Context,
    through: impl Fn(usize, Request) -> Request,
    what: &str,
) -> Finding {
    let served = until_limited(context, proxy(context), through).await?;
    match served.count {
        0 => Err(served.last.0.breach(context, &served.last.1, what)),
        count => Ok(format!("{count} requests for each real address")),
    }
}

pub(super) fn proxy(context: &Context) -> Option<IpAddr> {
    context.profile.proxy.trusted
}

/// Another forged address each time.
pub(super) fn address(i: usize) -> String {
    Ipv4Addr::from_bits(0x0606_0000 + i as u32).to_string()
}

/// An address that no attack has used (198.18.0.0/15 is for tests).
pub(super) fn real() -> String {
    Ipv4Addr::from_bits(0xc612_0000 | rand::random_range(1..0x1_ffff)).to_string()
}

pub(super) fn family_value(name: &str, i: usize) -> String {
    match name {
        "forwarded" => format!("for={}", address(i)),
        _ => address(i),
    }
}

pub(super) const FAMILIES: [&str; 8] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "x_forwarded_for",
];
