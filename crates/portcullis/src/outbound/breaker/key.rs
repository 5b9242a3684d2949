//! What tells upstreams apart.

use std::borrow::Cow;

use http::{Request, header::HOST};

use super::config::KeyBy;

/// Calls `with` with the upstream of a request.
#[inline]
pub(super) fn with_key<B, T>(
    request: Request<B>,
    key_by: Option<&KeyBy>,
    with: impl FnOnce(&str) -> T,
) -> (Request<B>, T) {
    let Some(key_by) = key_by else {
        let result = with(&authority(&request));
        return (request, result);
    };
    let (head, body) = request.into_parts();
    let result = with(&key_by(&head));
    (Request::from_parts(head, body), result)
}

/// The host and the port, as they are written in the URI, or else in the `Host` field. Empty where
/// neither says anything.
fn authority<B>(request: &Request<B>) -> Cow<'_, str> {
    let of_uri = request.uri().authority().map(http::uri::Authority::as_str);
    let of_host = || {
        let host = request.headers().get(HOST);
        host.and_then(|host| host.to_str().ok())
    };
    normal(of_uri.or_else(of_host).unwrap_or_default())
}

/// In lower case, and without a user's name and password, which are nobody else's business.
pub(super) fn normal(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => host,
        None => authority,
    };
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return host.to_ascii_lowercase().into();
    }
    host.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str, host: Option<&str>) -> String {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        authority(&request.body(()).unwrap()).into_owned()
    }

    #[test]
    fn is_the_authority_without_what_is_secret() {
        assert_eq!(key("http://api.example:81/a", None), "api.example:81");
        assert_eq!(key("http://u:p@api.example/", None), "api.example");
        assert_eq!(key("http://API.Example/", None), "api.example");
        assert_eq!(key("http://a.example/", Some("b.example")), "a.example");
        assert_eq!(key("/path", Some("b.example")), "b.example");
        assert_eq!(key("/path", None), "");
    }

    #[test]
    fn a_closure_sees_the_whole_head() {
        let key_by: KeyBy = std::sync::Arc::new(|head| head.uri.path().to_owned().into());
        let request = Request::builder().uri("/a").body(7).unwrap();

        let (request, key) = with_key(request, Some(&key_by), str::to_owned);

        assert_eq!((request.into_body(), &*key), (7, "/a"));
    }
}
