//! Ranges without end.

use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
};

pub(crate) async fn many_ranges(context: &Context) -> Finding {
    let routes = &context.profile.routes;
    let more = [&routes.large, &routes.page].into_iter().flatten();
    let paths = [context.control()]
        .into_iter()
        .chain(more.map(String::as_str));
    let bytes: Vec<_> = (0..COUNT).map(|at| format!("{at}-{at}")).collect();
    let wholes = vec!["0-".to_owned(); COUNT];
    let mut count = 0;
    for path in paths {
        let whole = context.send(&context.get(path)).await?;
        for ranges in [&bytes, &wholes] {
            let most = whole.body.len() * 2 + LITTLE;
            bounded(context, path, &ranges.join(","), most).await?;
            count += 1;
        }
    }
    Ok(format!(
        "{count} answers to {COUNT} ranges, none much larger than the whole"
    ))
}

async fn bounded(context: &Context, path: &str, ranges: &str, most: usize) -> Result<(), Failure> {
    let request = context.get(path).header("range", format!("bytes={ranges}"));
    let mut answer = match context.send(&request).await {
        Err(Failure::Unclear(_)) => return Ok(()),
        answer => answer?,
    };
    let length = answer.body.len();
    if answer.status != 206 || length <= most {
        return Ok(());
    }
    answer.body.truncate(SHOWN);
    let what = format!("206 with {length} bytes or more for {COUNT} ranges: {most} would do");
    let evidence = request.evidence(context, &answer, what);
    let level = if length > HARM {
        Level::Must
    } else {
        Level::Should
    };
    Err(evidence.at_most(level).into())
}

const COUNT: usize = 1000;
/// For the heads of parts.
const LITTLE: usize = 16 << 10;
/// So much for one request of a few KiB is an attack on the line.
const HARM: usize = 1 << 20;
const SHOWN: usize = 1000;
