//! A refusal as a page.

use std::fmt::{self, Write};

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::{Rejection, RequestId};

/// Renders a rejection as a page that needs nothing else: status, title, what to do, request ID.
///
/// It has a policy of its own, which allows its one style by its hash (CSP Level 3, section 2.3.1),
/// so that it looks the same whatever the application's policy is.
pub(super) fn render(rejection: &Rejection) -> Response<Bytes> {
    let mut page = String::with_capacity(USUAL_LENGTH);
    // Into a string: this cannot fail.
    let _ = write(&mut page, rejection);
    let mut response = Response::new(Bytes::from(page));
    *response.status_mut() = rejection.kind().status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HTML);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn write(page: &mut String, rejection: &Rejection) -> fmt::Result {
    let status = rejection.kind().status();
    let title = Escaped(rejection.kind().title());
    let (code, reason) = (
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
    );
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{code} {reason}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"status\">{code} {reason}</p>\n<h1>{title}</h1>\n"
    )?;
    if let Some(detail) = rejection.detail() {
        writeln!(page, "<p>{}</p>", Escaped(detail))?;
    }
    if let Some(seconds) = rejection.retry_after_seconds() {
        writeln!(page, "<p>Try again in {}.</p>", InWords(seconds))?;
    }
    if let Some(id) = rejection.request_id() {
        let id = Escaped(&text(id));
        writeln!(page, "<p class=\"id\">Request ID: <code>{id}</code></p>")?;
    }
    page.write_str("</main>\n</body>\n</html>\n")
}

fn text(id: &RequestId) -> String {
    id.with_text(|text| String::from_utf8_lossy(text).into_owned())
}

/// Text, with what HTML could take for markup written as references.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// Seconds, in the largest unit that is not far off; never sooner.
struct InWords(u64);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            seconds @ ..=120 => (seconds, "second"),
            seconds @ ..=7200 => (seconds.div_ceil(60), "minute"),
            seconds @ ..=172_800 => (seconds.div_ceil(3600), "hour"),
            seconds => (seconds.div_ceil(86_400), "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The hash is that of [`STYLE`]: a test computes it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-kl1I7uWTboSWEfrIgCbp4A/Frl+YYU5GN+Dka8LbgWY='; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

const STYLE: &str = ":root{color-scheme:light dark}\
    body{margin:0;min-height:100vh;display:grid;place-items:center;\
    font:1rem/1.5 system-ui,sans-serif}\
    main{max-width:36rem;padding:2rem}\
    h1{margin:0 0 1rem;font-size:1.75rem;line-height:1.25}\
    p{margin:0 0 .75rem}\
    .status{opacity:.7;font-weight:600}\
    .id{margin-top:2rem;opacity:.7;font-size:.875rem}\
    code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}";

/// A page is about 900 bytes.
const USUAL_LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::RejectionKind;

    #[test]
    fn the_policy_has_the_hash_of_the_style() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));

        let policy = POLICY;
        let policy = policy.to_str().unwrap();
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{hash}");
    }

    #[test]
    fn shows_what_there_is_and_nothing_that_runs() {
        let rejection = Rejection::new(RejectionKind::RateLimited)
            .with_detail("<script>\"it's\" & co</script>")
            .with_request_id(RequestId::parse(b"r-1").ok())
            .with_retry_after(Duration::from_secs(90));
        let response = render(&rejection);
        let page = str::from_utf8(response.body()).unwrap();

        assert_eq!(response.status(), 429);
        assert!(
            page.contains("<title>429 Too Many Requests</title>"),
            "{page}"
        );
        assert!(page.contains("<h1>The quota is exceeded</h1>"), "{page}");
        let escaped = "<p>&lt;script&gt;&quot;it&#39;s&quot; &amp; co&lt;/script&gt;</p>";
        assert!(page.contains(escaped), "{page}");
        assert!(page.contains("<p>Try again in 90 seconds.</p>"), "{page}");
        assert!(page.contains("<code>r-1</code>"), "{page}");
        let bare = Rejection::new(RejectionKind::Panicked);
        let bare = render(&bare);
        let bare = str::from_utf8(bare.body()).unwrap();
        assert!(
            !bare.contains("Try again") && !bare.contains("Request ID"),
            "{bare}"
        );
    }

    #[test]
    fn a_time_in_words_is_never_too_soon() {
        for (seconds, words) in [
            (1, "1 second"),
            (120, "120 seconds"),
            (121, "3 minutes"),
            (7200, "120 minutes"),
            (7201, "3 hours"),
            (172_801, "3 days"),
        ] {
            assert_eq!(InWords(seconds).to_string(), words);
        }
    }
}
