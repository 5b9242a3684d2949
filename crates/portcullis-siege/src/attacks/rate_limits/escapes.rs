//! Tricks by which one client would be taken for many.

use std::net::IpAddr;

use tokio::time::Instant;

use crate::{
    attacks::limiter::{Quota, limited, until_limited},
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request, host_and_port},
};

/// Something that a client changes from request to request.
#[derive(Clone, Copy)]
pub(crate) struct Trick {
    pub(super) name: &'static str,
    /// What becomes of the request of that number.
    pub(super) make: fn(&Context, usize, Request) -> Request,
    /// Whether each has a connection of its own.
    anew: bool,
}

/// What came of the requests of one client that is beyond its quota.
#[derive(Default)]
struct Seen {
    plain: usize,
    tricked: usize,
    /// The last that was served by a trick.
    last: Option<(Request, Answer)>,
}

// ===== impl Trick =====

impl Trick {
    pub(crate) const fn new(
        name: &'static str,
        make: fn(&Context, usize, Request) -> Request,
    ) -> Self {
        Self {
            name,
            make,
            anew: false,
        }
    }

    /// Breached when it gives a client more than it has without it, three times in a row.
    pub(crate) async fn no_gain(self, context: &Context) -> Result<(), Failure> {
        for _ in 1..REPEATS {
            if self.gain(context).await?.is_none() {
                return Ok(());
            }
        }
        match self.gain(context).await? {
            None => Ok(()),
            Some((seen, (request, answer))) => {
                let what = format!(
                    "beyond the quota, {} requests are served with {}, and {} without",
                    seen.tricked, self.name, seen.plain
                );
                Err(request.breach(context, &answer, what))
            }
        }
    }

    /// One client that is beyond its quota: is it served with the trick, and not without?
    async fn gain(self, context: &Context) -> Result<Option<(Seen, (Request, Answer))>, Failure> {
        let source = context.fresh();
        let spent = until_limited(context, source, |_, request| request).await?;
        let spent = spent.limited()?;
        let began = Instant::now();
        let mut seen = self.mixed(context, source).await?;
        // What comes back in the meantime may go to one or the other, and one for rounding.
        let quota = Quota::from_answer(context, &spent.last.1);
        let back = quota.map_or(0.0, |quota| {
            quota.per_second * began.elapsed().as_secs_f64()
        });
        let fair = (seen.plain as f64 * 2.0).max(back) + 2.0;
        let last = seen.last.take().filter(|_| seen.tricked as f64 > fair);
        Ok(last.map(|last| (seen, last)))
    }

    /// Sends requests with the trick and without, in an order that chance makes.
    async fn mixed(self, context: &Context, source: Option<IpAddr>) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let mut client = Client::connect(context, source, false).await?;
        exhaust(context, &mut client).await?;
        for i in 0..REQUESTS {
            let is_tricked = rand::random();
            let plain = limited(context)?.from(source);
            let request = if is_tricked {
                (self.make)(context, i, plain)
            } else {
                plain
            };
            let answer = if is_tricked && self.anew {
                let mut anew = Client::connect(context, source, false).await?;
                anew.send(context, &request).await
            } else {
                client.send(context, &request).await
            };
            match answer {
                Ok(answer) => seen.note(is_tricked, request, answer),
                Err(_) => client = Client::connect(context, source, false).await?,
            }
        }
        Ok(seen)
    }
}

// ===== impl Seen =====

impl Seen {
    fn note(&mut self, is_tricked: bool, request: Request, answer: Answer) {
        if !answer.is_good() {
            return;
        }
        if is_tricked {
            self.tricked += 1;
            self.last = Some((request, answer));
        } else {
            self.plain += 1;
        }
    }
}

/// Uses up what a connection may have of its own.
async fn exhaust(context: &Context, client: &mut Client) -> Result<(), Failure> {
    for _ in 0..REQUESTS * 5 {
        if !client.send(context, &limited(context)?).await?.is_good() {
            break;
        }
    }
    Ok(())
}

/// None of them gives a client more than it has.
pub(super) async fn none_gains(context: &Context, tricks: &[Trick]) -> Finding {
    for trick in tricks {
        trick.no_gain(context).await?;
    }
    let names: Vec<_> = tricks.iter().map(|trick| trick.name).collect();
    Ok(format!("nothing gained by {}", names.join(", ")))
}

pub(crate) async fn by_header(context: &Context) -> Finding {
    none_gains(context, &HEADERS).await
}

pub(crate) async fn by_query(context: &Context) -> Finding {
    none_gains(context, &QUERIES).await
}

pub(crate) async fn by_key(context: &Context) -> Finding {
    none_gains(context, &KEYS).await
}

pub(crate) async fn by_connection(context: &Context) -> Finding {
    let trick = Trick {
        anew: true,
        ..Trick::new("a connection for each", |_, _, request| request)
    };
    none_gains(context, &[trick]).await
}

/// With something behind the path's query.
fn and_query(mut request: Request, more: &str) -> Request {
    request
        .path
        .push(if request.path.contains('?') { '&' } else { '?' });
    request.path.push_str(more);
    request
}

/// With another key in place of the valid one.
fn other_key(context: &Context, request: Request, key: String) -> Request {
    let name = &context.profile.keys.header;
    let mut request = request;
    request.headers.retain(|(known, _)| known != name);
    request.with_key(context, key)
}

const HEADERS: [Trick; 8] = [
    Trick::new("another User-Agent each time", |_, i, request| {
        request.header("user-agent", format!("Mozilla/5.0 (siege {i})"))
    }),
    Trick::new("another cookie each time", |_, i, request| {
        request.header("cookie", format!("session=siege{i}; sid=siege{i}"))
    }),
    Trick::new("another Accept-Language each time", |_, i, request| {
        request.header("accept-language", format!("en;q=0.{i}"))
    }),
    Trick::new("another Referer each time", |_, i, request| {
        request.header("referer", format!("https://siege{i}.example/"))
    }),
    Trick::new("another Origin each time", |_, i, request| {
        request.header("origin", format!("https://siege{i}.example"))
    }),
    Trick::new("another port in Host each time", |context, i, request| {
        let (host, _) = host_and_port(context.target.authority());
        request.header("host", format!("{host}:{}", 1024 + i))
    }),
    Trick::new("another If-None-Match each time", |_, i, request| {
        request.header("if-none-match", format!("\"siege{i}\""))
    }),
    Trick::new("another name of a user each time", |_, i, request| {
        let names = [
            "x-user-id",
            "x-client-id",
            "x-session-id",
            "x-device-id",
            "x-tenant-id",
        ];
        let name = |request: Request, name| request.header(name, format!("siege{i}"));
        names.into_iter().fold(request, name)
    }),
];

const QUERIES: [Trick; 3] = [
    Trick::new("another query each time", |_, i, request| {
        and_query(request, &format!("siege={i}"))
    }),
    Trick::new("another name in the query each time", |_, i, request| {
        and_query(request, &format!("siege{i}"))
    }),
    Trick::new("another key in the query each time", |_, i, request| {
        and_query(
            request,
            &format!("api_key=siege{i}&key=siege{i}&token=siege{i}"),
        )
    }),
];

const KEYS: [Trick; 4] = [
    Trick::new("another key each time", |context, i, request| {
        other_key(context, request, format!("siege_{i}_4f9c2b7d1e8a6053"))
    }),
    Trick::new("a key of another form each time", |context, i, request| {
        let key = format!("{i:08x}-5e1e-4a7b-9c3d-0123456789ab");
        other_key(context, request, key)
    }),
    Trick::new("another bearer token each time", |_, i, request| {
        request.header("authorization", format!("Bearer siege{i}"))
    }),
    Trick::new("other credentials each time", |_, i, request| {
        let names = ["api-key", "apikey", "x-auth-token", "x-access-token"];
        let request = request.header("authorization", format!("Basic c2llZ2U{i:02}"));
        let name = |request: Request, name| request.header(name, format!("siege{i}"));
        names.into_iter().fold(request, name)
    }),
];

/// So many requests, half of them with a trick.
const REQUESTS: usize = 60;
/// A gain is no chance when it is there every time.
const REPEATS: usize = 3;
