//! Bodies that come back as what the client says they are.

use crate::{
    Level,
    context::{Context, route},
    verdict::Finding,
    wire::{Answer, Request},
};

pub(crate) async fn echoed_type(context: &Context) -> Finding {
    let path = route(&context.profile.routes.body)?;
    for kind in ["text/html", "application/xhtml+xml", "image/svg+xml"] {
        let request = Request::new("POST", path).key(context);
        let request = request.header("content-type", kind).body(SCRIPT);
        let answer = context.send(&request).await?;
        if !answer.is_good() || !answer.mentions(SCRIPT) || !runs(&answer) {
            continue;
        }
        let shown = answer.header("content-type");
        let what = format!("a script sent as {kind} comes back as {shown:?}: a browser runs it");
        let evidence = request.evidence(context, &answer, what);
        let level = if is_tamed(&answer) {
            Level::Opinion
        } else {
            Level::Should
        };
        return Err(evidence.at_most(level).into());
    }
    Ok("what is sent as a page does not come back as one".to_owned())
}

/// Whether a browser that is sent there would run the script.
fn runs(answer: &Answer) -> bool {
    let kind = answer.header("content-type").to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or("").trim();
    let is_file = answer
        .header("content-disposition")
        .starts_with("attachment");
    let sniffed = kind.is_empty() && answer.header("x-content-type-options") != "nosniff";
    !is_file && (sniffed || kind == "text/html" || kind == "text/xml" || kind.ends_with("+xml"))
}

/// Whether the policy stops what the type lets run.
fn is_tamed(answer: &Answer) -> bool {
    let policy = answer.header("content-security-policy");
    let is_shut = policy.contains("default-src 'none'") && !policy.contains("script-src");
    is_shut || policy.contains("sandbox") && !policy.contains("allow-scripts")
}

const SCRIPT: &str = "<script>alert('siege')</script>";
