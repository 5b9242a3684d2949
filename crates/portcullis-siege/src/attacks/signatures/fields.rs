//! Fields that a signature covers: all their lines, in their order, and nothing that looks like another line
//! of the signature base.

use super::Signed;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
};

pub(crate) async fn lines_of_a_field(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let draft = |lines: &[&str]| {
        let draft = signed.draft().covering("\"x-siege\"");
        lines
            .iter()
            .fold(draft, |draft, line| draft.field("x-siege", line))
    };
    let answer = signed.send(&draft(&["first"]).sign(signed.key)).await?;
    if !answer.is_good() {
        let status = answer.status;
        return Err(Failure::not_tested(format!(
            "a signature that covers a field of ours is not served: {status}"
        )));
    }
    for (covered, sent) in LINES {
        let mut request = draft(covered).sign(signed.key);
        request.headers.retain(|(name, _)| name != "x-siege");
        let request = sent
            .iter()
            .fold(request, |request, line| request.header("x-siege", line));
        let what = format!("a field of the lines {covered:?} is covered, and {sent:?} sent");
        signed.refuses_with(&[400, 401], &what, &request).await?;
    }
    let both = signed
        .send(&draft(&["first", "last"]).sign(signed.key))
        .await?;
    let both = if both.is_good() {
        "served"
    } else {
        "refused too"
    };
    Ok(format!(
        "{} changes refused; two lines as signed: {both}",
        LINES.len()
    ))
}

pub(crate) async fn injection(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    for identifier in IDENTIFIERS {
        let draft = signed.draft().field("x-siege", "value");
        let mut draft = draft.covering(identifier);
        draft
            .values
            .push((identifier.to_owned(), b"value".to_vec()));
        let what = format!("a component that is written {identifier}");
        let request = draft.sign(signed.key);
        signed.refuses_with(&[400, 401], &what, &request).await?;
    }
    // As if the line of another component were in the base.
    let method = b"a\n\"@method\": GET".to_vec();
    for (what, value) in [
        ("a line feed", method.clone()),
        ("a carriage return", b"a\r\"@method\": GET".to_vec()),
        ("a folded line", b"a\r\n \"@method\": GET".to_vec()),
        ("a NUL", b"a\0b".to_vec()),
    ] {
        let mut draft = signed.draft().covering("\"x-siege\"");
        draft.values.push(("\"x-siege\"".to_owned(), value.clone()));
        let request = draft.sign(signed.key);
        let length = format!("\r\ncontent-length: {}\r\n", draft.body.len());
        let lines = [b"x-siege: ", &value[..], length.as_bytes()].concat();
        let bytes = signed.bytes(&request, &lines, &draft.body);
        let seen = context.first_answer(bytes).await?;
        let is_refused =
            matches!(seen.status(), Some(400 | 401)) || seen.status().is_none() && seen.closed;
        if !is_refused {
            let status = seen.status();
            let status = status.map_or("nothing".to_owned(), |status| status.to_string());
            let what = format!("{what} in a covered field: it answers {status}");
            return Err(seen.evidence(what).only_in_a_siege().into());
        }
    }
    let bytes = signed
        .draft()
        .field("x-siege", b"\xc3\xa9")
        .covering("\"x-siege\"");
    signed
        .refuses_with(
            &[400, 401],
            "a covered field that is not ASCII",
            &bytes.sign(signed.key),
        )
        .await?;
    Ok(format!("{} names and 5 values refused", IDENTIFIERS.len()))
}

/// What is covered of a field, and what is sent of it.
const LINES: &[(&[&str], &[&str])] = &[
    (&["first"], &["first", "siege"]),
    (&["first"], &["siege", "first"]),
    (&["first"], &["siege"]),
    (&["first"], &["First"]),
    (&["first"], &[]),
    (&["first", "last"], &["last", "first"]),
    (&["first", "last"], &["first"]),
    (&["first", "last"], &["last"]),
    (&["first", "last"], &["first", "last", "siege"]),
];

/// What a careless reader takes for `"x-siege"`.
const IDENTIFIERS: [&str; 7] = [
    "\"X-Siege\"",
    "\"x-siege \"",
    "\" x-siege\"",
    "\"x-siege:\"",
    "\"x-siege\\\"\"",
    "\"x-siege\\\\\"",
    "x-siege",
];
