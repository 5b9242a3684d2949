//! Origins that may read what a browser's cookies open.

use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Answer,
};

pub(crate) async fn with_cookie(context: &Context) -> Finding {
    let mut count = 0;
    for path in paths(context) {
        for origin in ["https://evil.example", "null"] {
            let request = context.get(path).header("origin", origin);
            let request = request.header("cookie", "session=siege");
            let answer = context.expect(&request).await?;
            let with = answer.header("access-control-allow-credentials") == "true";
            let what = format!("with a cookie {origin} may read this, as whoever the cookie is");
            answer.holds(!(with && may_read(&answer, origin)), what)?;
            count += 1;
        }
    }
    Ok(format!("{count} requests with a cookie, none may be read"))
}

pub(crate) async fn unescaped_dots(context: &Context) -> Finding {
    let origins = context.profile.cors.origins.iter();
    let foreign: Vec<_> = origins.flat_map(|good| without_dots(good)).collect();
    if foreign.is_empty() {
        return Err(Failure::not_tested("no good origin has a dot in its name"));
    }
    for path in paths(context) {
        for origin in &foreign {
            let request = context.get(path).header("origin", origin);
            let answer = context.expect(&request).await?;
            let what = format!("the origin {origin} may read this: a dot of a pattern is any byte");
            answer.holds(!may_read(&answer, origin), what)?;
        }
    }
    Ok(format!("{} origins refused", foreign.len()))
}

/// The origin once for each dot of its name, with a letter in its place.
fn without_dots(good: &str) -> Vec<String> {
    let dots = good.match_indices('.');
    let other = |at: usize| format!("{}x{}", &good[..at], &good[at + 1..]);
    dots.map(|(at, _)| other(at)).collect()
}

fn paths(context: &Context) -> impl Iterator<Item = &str> {
    let routes = &context.profile.routes;
    let more = [&routes.protected, &routes.page].into_iter().flatten();
    [context.control()]
        .into_iter()
        .chain(more.map(String::as_str))
}

fn may_read(answer: &Answer, origin: &str) -> bool {
    answer.header("access-control-allow-origin") == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dot_is_another_letter() {
        let expected = ["https://axgood.com", "https://a.goodxcom"];
        assert_eq!(without_dots("https://a.good.com"), expected);
        assert!(without_dots("http://localhost:3000").is_empty());
    }
}
