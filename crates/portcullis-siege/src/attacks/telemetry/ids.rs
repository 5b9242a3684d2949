//! Request IDs.

use std::collections::HashSet;

use crate::{
    Level,
    attacks::{answers::all, expect::expect},
    context::Context,
    verdict::{Evidence, Failure, Finding},
    wire::{Answer, Client, Request, contains},
};

/// Where no answer has an ID, that is one breach: I04's.
async fn needs_ids(context: &Context) -> Result<(), Failure> {
    let answer = context.send(&Request::get(context.control())).await?;
    has_id(&answer)
}

fn has_id(answer: &Answer) -> Result<(), Failure> {
    if answer.has("x-request-id") {
        Ok(())
    } else {
        Err(Failure::not_tested("needs request IDs, see I04"))
    }
}

pub(crate) async fn forged_ids(context: &Context) -> Finding {
    needs_ids(context).await?;
    let long = "a".repeat(8000);
    let forged = [
        "a%0d%0aSet-Cookie: x=1",
        "<script>alert(1)</script>",
        "{\"id\":1}",
        "${jndi:ldap://x}",
        "a b",
        "a\tb",
        "caf\u{e9}",
        "'; DROP TABLE x",
        "",
        &long,
    ];
    for id in forged {
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nX-Request-Id: {id}\r\n\r\n",
            context.control(),
            context.target.authority()
        );
        let seen = context.first_answer(head).await?;
        let Some(answer) = seen.answers().into_iter().next() else {
            continue;
        };
        let given = answer.header("x-request-id");
        if matches!(answer.status, 400 | 431) {
            continue;
        }
        if !answer.has("x-request-id") {
            return Err(seen.breach("the answer has no request ID"));
        }
        if !is_safe(given) || given == id {
            return Err(seen.breach("a forged request ID is believed"));
        }
    }
    Ok(format!("{} forged IDs replaced", forged.len()))
}

pub(crate) async fn two_ids(context: &Context) -> Finding {
    needs_ids(context).await?;
    let request = Request::get(context.control())
        .header("x-request-id", "siege-one")
        .header("x-request-id", "siege-two");
    let answer = context.expect(&request).await?;
    let ids: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    let what = match ids[..] {
        _ if answer.status == 400 => None,
        [id] if id == "siege-one" || id == "siege-two" => Some("one of the two is believed"),
        [_] => None,
        [] => Some("the answer has no request ID"),
        _ => Some("the answer has several request IDs"),
    };
    answer.flawless(what)?;
    Ok("one fresh ID".to_owned())
}

pub(crate) async fn unique_ids(context: &Context) -> Finding {
    needs_ids(context).await?;
    let request = Request::get(context.control());
    let mut client = Client::connect(context, context.fresh(), false).await?;
    let mut ids = Vec::new();
    for _ in 0..context.intensity.scale(2000) {
        let answer = match client.send(context, &request).await {
            Ok(answer) if answer.status == context.found.control_status => answer,
            _ => {
                client = Client::connect(context, context.fresh(), false).await?;
                continue;
            }
        };
        let has_one = answer.has("x-request-id");
        expect(context, &request, &answer).holds(has_one, "the answer has no request ID")?;
        ids.push(answer.header("x-request-id").to_owned());
    }
    let distinct: HashSet<_> = ids.iter().collect();
    let bits = entropy(&ids);
    let some = ids.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    let evidence = |what: String| Evidence::new(what).received(&some);
    if distinct.len() < ids.len() {
        return Err(evidence(format!("{} of {} IDs differ", distinct.len(), ids.len())).into());
    }
    if bits < 100.0 {
        return Err(evidence(format!("about {bits:.0} random bits; 122 are expected")).into());
    }
    let count = ids.len();
    Ok(format!(
        "{count} IDs, all differ, about {bits:.0} random bits"
    ))
}

pub(crate) async fn ids_everywhere(context: &Context) -> Finding {
    let kinds = all(context).await?;
    for kind in kinds.iter() {
        let id = kind.answer.header("x-request-id");
        if id.is_empty() {
            return Err(kind.breach(context, "no request ID"));
        }
        let is_problem = kind
            .answer
            .header("content-type")
            .starts_with("application/problem+json");
        if is_problem && !kind.answer.body.is_empty() && !contains(&kind.answer.body, id.as_bytes())
        {
            let missing = kind.breach(context, "the problem has no request ID");
            // RFC 9457, 3.1.5: `instance` is optional.
            return Err(missing.at_most(Level::Opinion, "RFC 9457 does not want one"));
        }
    }
    Ok(format!("an ID on {} kinds of answers", kinds.len()))
}

fn is_safe(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(safe)
}

/// The sum over places of what each place tells, in bits.
fn entropy(ids: &[String]) -> f64 {
    let longest = ids.iter().map(String::len).max().unwrap_or(0);
    let total = ids.len() as f64;
    let at = |place: usize| {
        let mut counts = [0_u32; 257];
        for id in ids {
            counts[id
                .as_bytes()
                .get(place)
                .map_or(256, |byte| usize::from(*byte))] += 1;
        }
        let shares = counts
            .iter()
            .filter(|count| **count > 0)
            .map(|count| f64::from(*count) / total);
        shares.map(|share| -share * share.log2()).sum::<f64>()
    };
    (0..longest).map(at).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_random_bits() {
        let random: Vec<_> = (0..2000)
            .map(|_| format!("{:032x}", rand::random::<u128>()))
            .collect();
        let counted: Vec<_> = (0..2000).map(|i| format!("{i:032x}")).collect();

        assert!(entropy(&random) > 125.0);
        assert!(entropy(&counted) < 20.0);
    }

    #[test]
    fn without_any_id_nothing_is_said_of_their_form() {
        let mut answer = Answer::default();
        assert!(matches!(has_id(&answer), Err(Failure::NotTested(why)) if why.contains("I04")));

        let id = http::HeaderValue::from_static("a");
        answer.headers.insert("x-request-id", id);
        assert!(has_id(&answer).is_ok());
    }

    #[test]
    fn knows_a_safe_id() {
        assert!(is_safe("a-B_9.z"));
        for id in ["", "a b", "a\n", "é", &"a".repeat(129)] {
            assert!(!is_safe(id), "{id}");
        }
    }
}
