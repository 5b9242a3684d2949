//! What tells upstreams apart.

use std::{borrow::Cow, mem};

use http::{Request, header::HOST, request};

use super::config::KeyBy;

/// Calls `with` with the upstream of a request, as it is written.
#[inline]
pub(super) fn with_key<B, T>(
    request: &mut Request<B>,
    key_by: Option<&KeyBy>,
    with: impl FnOnce(&str) -> T,
) -> T {
    match key_by {
        None => with(authority(request)),
        Some(key_by) => with(&key_of(request, key_by)),
    }
}

/// Lends the request's head to a closure.
fn key_of<B>(request: &mut Request<B>, key_by: &KeyBy) -> Cow<'static, str> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.version = request.version();
    swap(request, &mut head);
    let key = key_by(&head);
    swap(request, &mut head);
    key
}

fn swap<B>(request: &mut Request<B>, head: &mut request::Parts) {
    mem::swap(request.method_mut(), &mut head.method);
    mem::swap(request.uri_mut(), &mut head.uri);
    mem::swap(request.headers_mut(), &mut head.headers);
    mem::swap(request.extensions_mut(), &mut head.extensions);
}

/// The host and the port, as they are written in the URI, or else in the `Host` field. Empty where
/// neither says anything.
#[inline]
fn authority<B>(request: &Request<B>) -> &str {
    if let Some(authority) = request.uri().authority() {
        return authority.as_str();
    }
    let host = request.headers().get(HOST);
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// In lower case, and without a user's name and password, which are nobody else's business.
pub(super) fn normal(authority: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte != b'@' && !byte.is_ascii_uppercase();
    if authority.bytes().all(is_plain) {
        return authority.into();
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Method, Version};

    use super::*;

    fn key(uri: &str, host: Option<&str>) -> String {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        normal(authority(&request.body(()).unwrap())).into_owned()
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
        let key_by: KeyBy = Arc::new(|head| {
            let (host, number) = (head.headers.get(HOST), head.extensions.get::<i32>());
            format!(
                "{:?} {} {} {host:?} {number:?}",
                head.version, head.method, head.uri
            )
            .into()
        });
        let request = Request::put("/a").header(HOST, "b").extension(7);
        let mut request = request.version(Version::HTTP_2).body(8).unwrap();

        let key = with_key(&mut request, Some(&key_by), str::to_owned);

        assert_eq!(key, "HTTP/2.0 PUT /a Some(\"b\") Some(7)");
        assert_eq!(
            (request.method(), request.uri().path()),
            (&Method::PUT, "/a")
        );
        assert_eq!(
            (&request.headers()[HOST], request.body()),
            (&"b".parse().unwrap(), &8)
        );
        assert_eq!(request.extensions().get(), Some(&7));
    }
}
