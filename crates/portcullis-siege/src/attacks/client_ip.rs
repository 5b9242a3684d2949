//! D: the client's address and proxies.

use std::net::{IpAddr, Ipv4Addr};

use super::limiter::{no_gain, until_limited, usual};
use crate::{
    Target,
    arena::Arena,
    verdict::{Finding, Trouble},
    wire::Ask,
};

pub(crate) async fn rotating_forwarded_for(arena: &Arena) -> Finding {
    let count = directly(arena).await?;
    let spoof = |i, ask: Ask| ask.header("x-forwarded-for", address(i));
    no_gain(
        arena,
        count,
        arena.fresh(),
        "another X-Forwarded-For each time",
        spoof,
    )
    .await?;
    Ok(format!("429 after {count} requests, with and without"))
}

pub(crate) async fn spoofed_left(arena: &Arena) -> Finding {
    let (count, real) = (proxied(arena).await?, real());
    let spoof = |i, ask: Ask| ask.header("x-forwarded-for", format!("{}, {real}", address(i)));
    no_gain(
        arena,
        count,
        proxy(arena),
        "a forged address to the left",
        spoof,
    )
    .await?;
    other_client_is_served(arena, &real).await
}

pub(crate) async fn spoofed_first_line(arena: &Arena) -> Finding {
    let (count, real) = (proxied(arena).await?, real());
    let spoof = |i, ask: Ask| {
        ask.header("x-forwarded-for", address(i))
            .header("x-forwarded-for", &real)
    };
    no_gain(
        arena,
        count,
        proxy(arena),
        "a forged address in the first line",
        spoof,
    )
    .await?;
    other_client_is_served(arena, &real).await
}

pub(crate) async fn two_hops(arena: &Arena) -> Finding {
    let (count, real) = (proxied(arena).await?, real());
    let Some(hop) = proxy(arena) else {
        return Err(Trouble::NotTested("no trusted proxy".to_owned()));
    };
    let spoof =
        |i, ask: Ask| ask.header("x-forwarded-for", format!("{}, {real}, {hop}", address(i)));
    no_gain(
        arena,
        count,
        proxy(arena),
        "a trusted hop behind the real address",
        spoof,
    )
    .await?;
    // Another client behind the same two hops has its own quota.
    let other = self::real();
    let through = |_, ask: Ask| ask.header("x-forwarded-for", format!("{other}, {hop}"));
    served_through(
        arena,
        through,
        "the hop counts as the client: all behind it share one quota",
    )
    .await
}

pub(crate) async fn other_families(arena: &Arena) -> Finding {
    let count = directly(arena).await?;
    for name in FAMILIES {
        let spoof = |i, ask: Ask| ask.header(name, family_value(name, i));
        no_gain(
            arena,
            count,
            arena.fresh(),
            &format!("another {name} each time"),
            spoof,
        )
        .await?;
    }
    if arena.profile.proxy.trusted.is_some() {
        let (count, real) = (proxied(arena).await?, real());
        let all = |i, ask: Ask| {
            let ask = ask.header("x-forwarded-for", &real);
            FAMILIES
                .iter()
                .fold(ask, |ask, name| ask.header(name, family_value(name, i)))
        };
        no_gain(
            arena,
            count,
            proxy(arena),
            "the other headers through the proxy",
            all,
        )
        .await?;
    }
    Ok(format!("{} headers ignored", FAMILIES.len()))
}

pub(crate) async fn garbage(arena: &Arena) -> Finding {
    let count = proxied(arena).await?;
    for junk in ["unknown", "_hidden", "1.1.1.1.1", "999.1.1.1", "", "<b>"] {
        let spoof = |i, ask: Ask| ask.header("x-forwarded-for", format!("{}, {junk}", address(i)));
        no_gain(
            arena,
            count,
            proxy(arena),
            &format!("{junk:?} at the proxy's place"),
            spoof,
        )
        .await?;
        let unique = |i, ask: Ask| ask.header("x-forwarded-for", format!("{junk}{i}x"));
        no_gain(
            arena,
            count,
            proxy(arena),
            "another word that is no address each time",
            unique,
        )
        .await?;
    }
    let long = |i, ask: Ask| ask.header("x-forwarded-for", format!("{} x", address(i)).repeat(500));
    no_gain(
        arena,
        count,
        proxy(arena),
        "a long list without an address",
        long,
    )
    .await?;
    Ok("refused, or the proxy itself is the client".to_owned())
}

pub(crate) async fn forms_of_one_address(arena: &Arena) -> Finding {
    let (count, ip) = (proxied(arena).await?, real());
    let forms = [
        format!("::ffff:{ip}"),
        format!("{ip}:80"),
        format!("{ip}:81"),
        format!("[::ffff:{ip}]:80"),
        ip.clone(),
    ];
    let same = |i: usize, ask: Ask| ask.header("x-forwarded-for", &forms[i % forms.len()]);
    no_gain(
        arena,
        count,
        proxy(arena),
        "one address in five forms",
        same,
    )
    .await?;
    let odd = |i: usize, ask: Ask| {
        let low = 1 + i % 200;
        let odd = [
            format!("0x7f.{low}"),
            format!("0177.0.0.{low}"),
            format!("{}", 2_130_706_433 + i),
            format!("fe80::{low}%eth0"),
        ];
        ask.header("x-forwarded-for", &odd[i % 3])
    };
    no_gain(arena, count, proxy(arena), "octal and decimal forms", odd).await?;
    Ok("one client, or refused".to_owned())
}

pub(crate) async fn ipv6_rotation(arena: &Arena) -> Finding {
    let count = proxied(arena).await?;
    let net: u16 = rand::random();
    let rotate = |i, ask: Ask| {
        ask.header(
            "x-forwarded-for",
            format!("2001:db8:1:{net:x}::{:x}:{i:x}", i * 7 + 1),
        )
    };
    no_gain(
        arena,
        count,
        proxy(arena),
        "other addresses of one IPv6 /64",
        rotate,
    )
    .await?;
    let other: u16 = rand::random();
    let through = |_, ask: Ask| ask.header("x-forwarded-for", format!("2001:db8:2:{other:x}::1"));
    served_through(arena, through, "another /64 has no quota of its own").await
}

pub(crate) async fn around_the_proxy(arena: &Arena) -> Finding {
    let count = directly(arena).await?;
    let spoof = |i, ask: Ask| {
        let ask = ask.header("x-forwarded-for", address(i));
        FAMILIES
            .iter()
            .fold(ask, |ask, name| ask.header(name, family_value(name, i)))
    };
    no_gain(
        arena,
        count,
        arena.fresh(),
        "forged headers around the proxy",
        spoof,
    )
    .await?;
    Ok("the peer is the client".to_owned())
}

pub(crate) async fn through_fronts(arena: &Arena) -> Finding {
    let mut names = Vec::new();
    for (name, url) in &arena.profile.proxy.fronts {
        let target = Target::parse(url, None).await.map_err(Trouble::NotTested)?;
        let front = arena.at(target);
        let count = directly(&front).await?;
        let spoof = |i, ask: Ask| {
            let ask = ask
                .header("x-forwarded-for", address(i))
                .header("x-forwarded-for", address(i + 1));
            FAMILIES
                .iter()
                .fold(ask, |ask, name| ask.header(name, family_value(name, i)))
        };
        no_gain(
            &front,
            count,
            front.fresh(),
            &format!("every header forged, through {name}"),
            spoof,
        )
        .await?;
        // Its clients are told apart.
        directly(&front).await?;
        names.push(name.as_str());
    }
    Ok(format!("the real address through {}", names.join(", ")))
}

/// How many requests a client at an address of its own is served.
async fn directly(arena: &Arena) -> Result<usize, Trouble> {
    let count = usual(arena, |_, ask| ask, || arena.fresh()).await?;
    let again = until_limited(arena, arena.fresh(), |_, ask| ask).await?;
    match again.count * 2 >= count {
        true => Ok(count),
        false => Err(Trouble::NotTested(
            "the limit does not go by the client's address".to_owned(),
        )),
    }
}

/// The same, through the trusted proxy.
async fn proxied(arena: &Arena) -> Result<usize, Trouble> {
    let client = real();
    let through = |_, ask: Ask| ask.header("x-forwarded-for", &client);
    usual(arena, through, || proxy(arena)).await
}

async fn other_client_is_served(arena: &Arena, first: &str) -> Finding {
    let other = real();
    let through = |_, ask: Ask| ask.header("x-forwarded-for", format!("{first}, {other}"));
    served_through(
        arena,
        through,
        "another client behind the proxy has no quota of its own",
    )
    .await
}

async fn served_through(arena: &Arena, through: impl Fn(usize, Ask) -> Ask, what: &str) -> Finding {
    let served = until_limited(arena, proxy(arena), through).await?;
    match served.count {
        0 => Err(served.last.0.breach(arena, &served.last.1, what)),
        count => Ok(format!("{count} requests for each real address")),
    }
}

fn proxy(arena: &Arena) -> Option<IpAddr> {
    arena.profile.proxy.trusted
}

/// Another forged address each time.
fn address(i: usize) -> String {
    Ipv4Addr::from_bits(0x0606_0000 + i as u32).to_string()
}

/// An address that no attack has used (198.18.0.0/15 is for tests).
fn real() -> String {
    Ipv4Addr::from_bits(0xc612_0000 | rand::random_range(1..0x1_ffff)).to_string()
}

fn family_value(name: &str, i: usize) -> String {
    match name {
        "forwarded" => format!("for={}", address(i)),
        _ => address(i),
    }
}

const FAMILIES: [&str; 8] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "x_forwarded_for",
];
