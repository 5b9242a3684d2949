//! Whom the server's limit counts: each address that we come from, or something else.
//!
//! Behind a NAT, a published port of Docker or a proxy that tells no address, a server sees one address for
//! all of ours. A limit may also go by the key. Then what one attack used up is missing in the next one, and
//! no attack can be a fresh client.

use std::net::IpAddr;

use super::limiter::{limited, until_limited};
use crate::{
    context::{Context, route},
    verdict::Failure,
    wire::Request,
};

/// Whom the limit counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Counted {
    /// Each address, or nothing that was seen.
    Addresses,
    /// Each key, wherever it comes from.
    Keys,
    /// All of our addresses are one.
    OneForAll,
    /// One of the last two.
    Other,
}

// ===== impl Counted =====

impl Counted {
    /// Whom the server's limit counts, seen once in a siege.
    pub(crate) async fn of(context: &Context) -> Result<Self, Failure> {
        let seen = context.counted.get_or_try_init(|| find(context)).await;
        seen.copied()
    }

    /// Why no attack can be a fresh client; nothing, if it can.
    pub(crate) const fn why(self) -> Option<&'static str> {
        match self {
            Self::Addresses => None,
            Self::Keys => Some("the limit does not go by the client's address: it goes by the key"),
            Self::OneForAll => Some(
                "the limit does not go by the client's address: the server sees one address for all \
                 of ours (a NAT, a published port, a proxy), or has one limit for all",
            ),
            Self::Other => Some(
                "the limit does not go by the client's address: it goes by the key (keys.other would \
                 tell), or the server sees one address for all of ours",
            ),
        }
    }

    /// Not tested, unless each address has a limit of its own.
    pub(crate) fn by_address(self) -> Result<(), Failure> {
        self.why()
            .map_or(Ok(()), |why| Err(Failure::not_tested(why)))
    }
}

/// Not tested, unless each address has a limit of its own.
pub(crate) async fn by_address(context: &Context) -> Result<(), Failure> {
    Counted::of(context).await?.by_address()
}

/// Not tested where all clients are one for the server: what one does would be done to all.
pub(crate) async fn clients_differ(context: &Context) -> Result<(), Failure> {
    match Counted::of(context).await? {
        Counted::OneForAll => Counted::OneForAll.by_address(),
        _ => Ok(()),
    }
}

async fn find(context: &Context) -> Result<Counted, Failure> {
    if context.profile.routes.limited.is_none() {
        return Ok(Counted::Addresses);
    }
    for _ in 0..TRIES {
        let source = context.fresh();
        let used_up = until_limited(context, source, |_, request| request).await?;
        if !used_up.is_limited() {
            return Ok(Counted::Addresses);
        }
        let mut served = 0;
        for _ in 0..OTHERS {
            served += usize::from(passes(context, limited(context)?).await?);
        }
        if served + 1 < OTHERS {
            return not_by_address(context).await;
        }
        // The end of a window would have served everybody.
        if !passes_from(context, limited(context)?, source).await? {
            return Ok(Counted::Addresses);
        }
    }
    Ok(Counted::Addresses)
}

/// While the valid key is limited, wherever it comes from: another key, or none.
async fn not_by_address(context: &Context) -> Result<Counted, Failure> {
    let path = route(&context.profile.routes.limited)?;
    let keys = &context.profile.keys;
    let plain = Request::get(path);
    let (request, passed) = match (&keys.valid, &keys.other) {
        (None, _) => return Ok(Counted::OneForAll),
        (_, Some(other)) => (plain.with_key(context, other), Counted::Keys),
        (_, None) => (plain, Counted::Other),
    };
    for _ in 0..TRIES {
        // What comes back is used up first.
        until_limited(context, context.fresh(), |_, request| request).await?;
        if !passes(context, request.clone()).await? {
            return Ok(Counted::OneForAll);
        }
    }
    Ok(passed)
}

async fn passes(context: &Context, request: Request) -> Result<bool, Failure> {
    passes_from(context, request, context.fresh()).await
}

async fn passes_from(
    context: &Context,
    request: Request,
    source: Option<IpAddr>,
) -> Result<bool, Failure> {
    let answer = context.send_once(&request.from(source)).await?;
    Ok(answer.status != 429)
}

/// So many other addresses are tried.
const OTHERS: usize = 8;
const TRIES: usize = 3;
