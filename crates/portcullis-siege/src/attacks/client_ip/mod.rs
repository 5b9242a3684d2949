//! D: the client's address and proxies.

use super::{counted::Counted, limiter::no_gain, rate_limits::Trick};
use crate::{
    Target,
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

mod clients;
mod table;

pub(crate) use self::table::ATTACKS;

use self::clients::{
    FAMILIES, address, by_header_instead, directly, family_value, other_client_is_served, proxied,
    proxy, real, served_through,
};

pub(crate) async fn rotating_forwarded_for(context: &Context) -> Finding {
    if Counted::of(context).await? != Counted::Addresses {
        return by_header_instead(context, FORWARDED).await;
    }
    let count = directly(context).await?;
    let spoof = |i, request: Request| request.header("x-forwarded-for", address(i));
    no_gain(
        context,
        count,
        context.fresh(),
        "another X-Forwarded-For each time",
        spoof,
    )
    .await?;
    Ok(format!("429 after {count} requests, with and without"))
}

pub(crate) async fn spoofed_left(context: &Context) -> Finding {
    let (count, real) = (proxied(context).await?, real());
    let spoof =
        |i, request: Request| request.header("x-forwarded-for", format!("{}, {real}", address(i)));
    no_gain(
        context,
        count,
        proxy(context),
        "a forged address to the left",
        spoof,
    )
    .await?;
    other_client_is_served(context, &real).await
}

pub(crate) async fn spoofed_first_line(context: &Context) -> Finding {
    let (count, real) = (proxied(context).await?, real());
    let spoof = |i, request: Request| {
        request
            .header("x-forwarded-for", address(i))
            .header("x-forwarded-for", &real)
    };
    no_gain(
        context,
        count,
        proxy(context),
        "a forged address in the first line",
        spoof,
    )
    .await?;
    other_client_is_served(context, &real).await
}

pub(crate) async fn two_hops(context: &Context) -> Finding {
    let (count, real) = (proxied(context).await?, real());
    let Some(hop) = proxy(context) else {
        return Err(Failure::not_tested("no trusted proxy"));
    };
    let spoof = |i, request: Request| {
        request.header("x-forwarded-for", format!("{}, {real}, {hop}", address(i)))
    };
    no_gain(
        context,
        count,
        proxy(context),
        "a trusted hop behind the real address",
        spoof,
    )
    .await?;
    // Another client behind the same two hops has its own quota.
    let other = self::real();
    let through =
        |_, request: Request| request.header("x-forwarded-for", format!("{other}, {hop}"));
    served_through(
        context,
        through,
        "the hop counts as the client: all behind it share one quota",
    )
    .await
}

pub(crate) async fn other_families(context: &Context) -> Finding {
    let count = directly(context).await?;
    for name in FAMILIES {
        let spoof = |i, request: Request| request.header(name, family_value(name, i));
        no_gain(
            context,
            count,
            context.fresh(),
            &format!("another {name} each time"),
            spoof,
        )
        .await?;
    }
    if context.profile.proxy.trusted.is_some() {
        let (count, real) = (proxied(context).await?, real());
        let all = |i, request: Request| {
            let request = request.header("x-forwarded-for", &real);
            FAMILIES.iter().fold(request, |request, name| {
                request.header(name, family_value(name, i))
            })
        };
        no_gain(
            context,
            count,
            proxy(context),
            "the other headers through the proxy",
            all,
        )
        .await?;
    }
    Ok(format!("{} headers ignored", FAMILIES.len()))
}

pub(crate) async fn garbage(context: &Context) -> Finding {
    let count = proxied(context).await?;
    for junk in ["unknown", "_hidden", "1.1.1.1.1", "999.1.1.1", "", "<b>"] {
        let spoof = |i, request: Request| {
            request.header("x-forwarded-for", format!("{}, {junk}", address(i)))
        };
        no_gain(
            context,
            count,
            proxy(context),
            &format!("{junk:?} at the proxy's place"),
            spoof,
        )
        .await?;
        let unique = |i, request: Request| request.header("x-forwarded-for", format!("{junk}{i}x"));
        no_gain(
            context,
            count,
            proxy(context),
            "another word that is no address each time",
            unique,
        )
        .await?;
    }
    let long = |i, request: Request| {
        request.header("x-forwarded-for", format!("{} x", address(i)).repeat(500))
    };
    no_gain(
        context,
        count,
        proxy(context),
        "a long list without an address",
        long,
    )
    .await?;
    Ok("refused, or the proxy itself is the client".to_owned())
}

pub(crate) async fn forms_of_one_address(context: &Context) -> Finding {
    let (count, ip) = (proxied(context).await?, real());
    let forms = [
        format!("::ffff:{ip}"),
        format!("{ip}:80"),
        format!("{ip}:81"),
        format!("[::ffff:{ip}]:80"),
        ip.clone(),
    ];
    let same =
        |i: usize, request: Request| request.header("x-forwarded-for", &forms[i % forms.len()]);
    no_gain(
        context,
        count,
        proxy(context),
        "one address in five forms",
        same,
    )
    .await?;
    let odd = |i: usize, request: Request| {
        let low = 1 + i % 200;
        let odd = [
            format!("0x7f.{low}"),
            format!("0177.0.0.{low}"),
            format!("{}", 2_130_706_433 + i),
            format!("fe80::{low}%eth0"),
        ];
        request.header("x-forwarded-for", &odd[i % 3])
    };
    no_gain(
        context,
        count,
        proxy(context),
        "octal and decimal forms",
        odd,
    )
    .await?;
    Ok("one client, or refused".to_owned())
}

pub(crate) async fn ipv6_rotation(context: &Context) -> Finding {
    let count = proxied(context).await?;
    let net: u16 = rand::random();
    let rotate = |i, request: Request| {
        request.header(
            "x-forwarded-for",
            format!("2001:db8:1:{net:x}::{:x}:{i:x}", i * 7 + 1),
        )
    };
    no_gain(
        context,
        count,
        proxy(context),
        "other addresses of one IPv6 /64",
        rotate,
    )
    .await?;
    let other: u16 = rand::random();
    let through =
        |_, request: Request| request.header("x-forwarded-for", format!("2001:db8:2:{other:x}::1"));
    served_through(context, through, "another /64 has no quota of its own").await
}

pub(crate) async fn around_the_proxy(context: &Context) -> Finding {
    let count = directly(context).await?;
    let spoof = |i, request: Request| {
        let request = request.header("x-forwarded-for", address(i));
        FAMILIES.iter().fold(request, |request, name| {
            request.header(name, family_value(name, i))
        })
    };
    no_gain(
        context,
        count,
        context.fresh(),
        "forged headers around the proxy",
        spoof,
    )
    .await?;
    Ok("the peer is the client".to_owned())
}

pub(crate) async fn through_fronts(context: &Context) -> Finding {
    let mut names = Vec::new();
    for (name, url) in &context.profile.proxy.fronts {
        let target = Target::parse(url, None).await;
        let target = target.map_err(|error| Failure::not_tested(error.to_string()))?;
        let front = context.at(target);
        if Counted::of(&front).await? != Counted::Addresses {
            by_header_instead(&front, ALL_FORWARDED).await?;
        }
        let count = directly(&front).await?;
        let spoof = |i, request: Request| {
            let request = request
                .header("x-forwarded-for", address(i))
                .header("x-forwarded-for", address(i + 1));
            FAMILIES.iter().fold(request, |request, name| {
                request.header(name, family_value(name, i))
            })
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

const FORWARDED: Trick = Trick::new("another X-Forwarded-For each time", |_, i, request| {
    request.header("x-forwarded-for", address(i))
});

const ALL_FORWARDED: Trick = Trick::new(
    "another address in every forwarding header each time, through this proxy",
    |_, i, request| {
        let request = request.header("x-forwarded-for", address(i));
        FAMILIES.iter().fold(request, |request, name| {
            request.header(name, family_value(name, i))
        })
    },
);
