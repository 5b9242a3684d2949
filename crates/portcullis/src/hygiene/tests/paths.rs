use super::{Hygiene, head, status};

const HOST: [(&str, &str); 1] = [("host", "example.com")];

#[test]
fn an_encoded_control_character_is_refused_always() {
    let of_path = |path| status(&Hygiene::new(), head("GET", path, &HOST));
    for path in ["/%00", "/a%0d%0ab", "/a/%1F", "/%7f/", "/%20%09"] {
        assert_eq!(of_path(path), 400, "{path}");
    }
    for path in [
        "/%20", "/%", "/%0", "/%zz", "/100%", "/%C3%A4", "/?a=%00", "/%2500",
    ] {
        assert_eq!(of_path(path), 200, "{path}");
    }
}

/// Each in two ways at least.
const AMBIGUOUS: &str = "/. /.. /a/./b /a/../b /a/.. /%2e /a/%2E%2e/b /.%2e/ /..;a/b /.;/b /%2e;x // \
    //a /a//b /a// /a%2Fb /a%2fb /a%5Cb /a\\b /a% /a%4 /a%zz";

const PLAIN: &str = "/ /a /a/ /a/b.c /... /.a /a. /..a/b /%2ea /a;b=c/d /;a /%20 /%252e /?a=../b//c \
    /.well-known/a";

#[test]
fn a_path_that_can_be_read_in_two_ways_is_refused_where_asked() {
    let (lenient, strict) = (Hygiene::new(), Hygiene::new().strict_paths());
    for path in AMBIGUOUS.split_whitespace() {
        assert_eq!(status(&strict, head("GET", path, &HOST)), 400, "{path}");
        assert_eq!(status(&lenient, head("GET", path, &HOST)), 200, "{path}");
    }
    for path in PLAIN.split_whitespace() {
        assert_eq!(status(&strict, head("GET", path, &HOST)), 200, "{path}");
    }
    assert_eq!(status(&strict, head("GET", "/%00", &HOST)), 400);
    assert_eq!(status(&strict, head("OPTIONS", "*", &HOST)), 200);
}
