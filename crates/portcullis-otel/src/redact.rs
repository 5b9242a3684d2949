//! Secrets in a query.

/// The query, with the values of known secrets replaced. Keys are kept, and compared as they are.
///
/// The first seven are the conventions' own list; the others are where people put tokens.
pub(crate) fn query(query: &str) -> String {
    let parts: Vec<_> = query.split('&').map(part).collect();
    parts.join("&")
}

fn part(part: &str) -> String {
    match part.split_once('=') {
        Some((key, _)) if SECRETS.contains(&key) => format!("{key}=REDACTED"),
        _ => part.to_owned(),
    }
}

const SECRETS: [&str; 16] = [
    "AWSAccessKeyId",
    "Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "sig",
    "access_token",
    "api_key",
    "apikey",
    "code",
    "key",
    "password",
    "refresh_token",
    "secret",
    "token",
];

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn keeps_keys_and_hides_values() {
        assert_eq!(
            query("a=1&sig=abc&token=x=y&b"),
            "a=1&sig=REDACTED&token=REDACTED&b"
        );
        assert_eq!(query("SIG=1&sigs=2&"), "SIG=1&sigs=2&");
        assert_eq!(query(""), "");
    }
}
