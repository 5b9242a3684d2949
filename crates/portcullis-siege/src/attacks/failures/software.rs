//! What every kind of answer tells: stacks and paths in an error's body, and names of software.

use super::LEAKS;
use crate::{
    Level,
    attacks::{Kind, answers::all},
    context::Context,
    verdict::{Failure, Finding},
};

pub(crate) async fn error_bodies(context: &Context) -> Finding {
    let kinds = all(context).await?;
    for kind in kinds.iter() {
        let text = kind.answer.text().to_lowercase();
        let leak = LEAKS
            .iter()
            .find(|leak| kind.is_error() && text.contains(*leak));
        if let Some(leak) = leak {
            return Err(kind.breach(context, &format!("the error's body says {leak:?}")));
        }
    }
    for kind in kinds.iter() {
        software(context, kind)?;
    }
    Ok(format!("{} kinds of answers", kinds.len()))
}

/// A server may name its software, and should not tell its version (RFC 9110, 10.2.4).
fn software(context: &Context, kind: &Kind) -> Result<(), Failure> {
    let Some(name) = SOFTWARE.iter().find(|name| kind.answer.has(name)) else {
        return Ok(());
    };
    let named = kind.breach(context, &format!("the field {name} names software"));
    let tells_version = kind
        .answer
        .header(name)
        .contains(|c: char| c.is_ascii_digit());
    let level = if tells_version {
        Level::Should
    } else {
        Level::Opinion
    };
    Err(named.at_most(level, "RFC 9110 10.2.4 lets it"))
}

/// Fields that name software (OWASP Secure Headers, the common ones of its list).
const SOFTWARE: &[&str] = &[
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-generator",
    "x-runtime",
    "x-version",
    "x-server-powered-by",
    "x-powered-cms",
    "x-backend-server",
    "x-served-by",
    "x-server-name",
    "x-php-version",
    "x-framework",
    "x-envoy-upstream-service-time",
    "x-mod-pagespeed",
    "x-varnish",
    "via",
    "liferay-portal",
    "x-owa-version",
    "x-b3-traceid",
];
