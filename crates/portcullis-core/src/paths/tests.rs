use http::{Extensions, Method, Request, Uri, request};
use proptest::prelude::*;

use super::{Paths, RequestPath};
use crate::Facts;

fn could(pattern: &str, path: &str) -> bool {
    Paths::parse([pattern])
        .unwrap()
        .could_match(&RequestPath::new(&Method::GET, path))
}

fn surely(pattern: &str, path: &str) -> bool {
    Paths::parse([pattern])
        .unwrap()
        .surely_matches(&RequestPath::new(&Method::GET, path))
}

#[test]
fn a_pattern_that_restricts_is_met_however_the_path_is_written() {
    let same = [
        "/login",
        "/login/",
        "//login",
        "/%6cogin",
        "/%6Cogin",
        "/./login",
        "/x/../login",
        "/login;a=b",
        "/x/%2e%2e/login",
        "/x%2f..%2flogin",
        "\\login",
        "/../login",
    ];
    for path in same {
        assert!(could("/login", path), "{path}");
    }
    for path in [
        "/", "/logi", "/loginx", "/login/x", "/Login", "/x/login", "",
    ] {
        assert!(!could("/login", path), "{path}");
    }
}

#[test]
fn no_way_to_read_a_path_is_missed() {
    let readings = [
        // As it is.
        ("/x/*", "/x/../login"),
        ("/{a}/{b}/login", "/x/../login"),
        ("/{a}", "/a%2Fb"),
        ("/x/{a}", "/x/;a"),
        ("/{a}/b", "//b"),
        // RFC 3986, section 5.2.4: an empty segment is one.
        ("/admin/*", "/./admin//../secret"),
        ("/x/login", "/x//../login"),
        // Decoded only, and without parameters only.
        ("/admin/*", "/%61dmin/.."),
        ("/a/{x}/b", "/%61/../b"),
        ("/admin/*", "/admin;x/.."),
        ("/users/{id}", "/users/;x"),
        // Decoded, and then without parameters; or the other way round.
        ("/login", "/login%3Bx"),
        ("/login", "/;a/login"),
        ("/login", "/%3Ba/login"),
        ("/login", "/x;a%2F..%2Flogin"),
        // A slash that was encoded is one, or part of a name.
        ("/users/{id}/keys", "/users/a%2Fb/keys"),
        ("/users/a/keys", "/users%2Fa/keys"),
        ("/users/{id}/keys", "/users/a%2Fb/z/../keys"),
        ("/{a}/login", "/x%2Fy/./login"),
        ("/{a}/login", "/a%2Fb;x/login"),
        // Dots that were encoded are resolved, or not.
        ("/x/{a}/login", "/x/%2e%2e/./login"),
        ("/x/{a}/login", "/x/..;/./login"),
        ("/x/login", "/x/y;/../login"),
    ];
    for (pattern, path) in readings {
        assert!(could(pattern, path), "{pattern}: {path}");
    }
}

#[test]
fn a_name_that_is_encoded_is_no_other_name() {
    let others = [
        ("/login", "/users/J%C3%BCrgen"),
        ("/login", "/files/a%2Fb"),
        ("/login", "/login/a%20b"),
        ("/login", "/logi%6e%6e"),
        ("/admin/*", "/files;v=1/a%20b"),
        ("/a/b", "//a//c"),
        ("POST /login", "/%6cogin"),
    ];
    for (pattern, path) in others {
        assert!(!could(pattern, path), "{pattern}: {path}");
    }
}

#[test]
fn a_pattern_that_exempts_is_the_path_itself_and_nothing_else() {
    assert!(surely("/", "/") && surely("/page.js", "/page.js") && surely("/login/", "/login/"));
    let others = [
        "/page.js/",
        "//page.js",
        "/page.j",
        "/PAGE.JS",
        "/page.js;x",
        "/%70age.js",
        "/x/../page.js",
        "/./page.js",
        "page.js",
        "*",
        "",
    ];
    for other in others {
        assert!(!surely("/page.js", other), "{other}");
    }
}

#[test]
fn a_prefix_is_everything_below_it_and_no_way_out() {
    for path in ["/api", "/api/", "/api/a/b", "/api/%61", "//api//x"] {
        assert!(could("/api/*", path), "{path}");
    }
    assert!(!could("/api/*", "/apix") && could("/*", "/") && could("/*", "/a"));

    assert!(surely("/api/*", "/api/") && surely("/api/*", "/api/a/b") && surely("/*", "/"));
    let outside = [
        "/api",
        "/apix",
        "/api/../x",
        "/api/%61",
        "/api//a",
        "/api/..\\x",
        "/api/a;b",
    ];
    for path in outside {
        assert!(!surely("/api/*", path), "{path}");
    }
}

#[test]
fn a_parameter_is_one_segment() {
    for reading in [could, surely] {
        assert!(reading("/users/{id}/posts", "/users/7/posts"));
        assert!(!reading("/users/{id}/posts", "/users/7/8/posts"));
    }
    assert!(!surely("/users/{id}", "/users/") && surely("/users/{id}/", "/users/7/"));
}

#[test]
fn a_get_covers_a_head_where_it_restricts() {
    let paths = Paths::parse(["GET /search", "POST /users"]).unwrap();
    let asked = |method: &Method, path| {
        let request = RequestPath::new(method, path);
        (paths.could_match(&request), paths.surely_matches(&request))
    };

    assert_eq!(asked(&Method::GET, "/search"), (true, true));
    assert_eq!(asked(&Method::HEAD, "/search"), (true, false));
    assert_eq!(asked(&Method::POST, "/users"), (true, true));
    assert_eq!(asked(&Method::GET, "/users"), (false, false));
    assert_eq!(
        paths.iter().collect::<Vec<_>>(),
        ["GET /search", "POST /users"]
    );
}

#[test]
fn says_everything_that_is_wrong() {
    let wrong = [
        ("login", "does not start with a slash"),
        ("", "does not start with a slash"),
        ("post /x", "\"post\" is not an HTTP method"),
        ("GET  /x", "does not start with a slash"),
        (
            "/login*",
            "a parameter is a whole segment, `{name}`, and a star the last one",
        ),
        (
            "/*/x",
            "a parameter is a whole segment, `{name}`, and a star the last one",
        ),
        (
            "/{id}.json",
            "a parameter is a whole segment, `{name}`, and a star the last one",
        ),
        (
            "/{}",
            "a parameter is a whole segment, `{name}`, and a star the last one",
        ),
        ("//x", "has an empty segment"),
        ("//*", "has an empty segment"),
        ("/a//", "has an empty segment"),
        ("/a/../b", "has a dot segment"),
        ("/a?b", "'?' is read in different ways; use a parameter"),
        ("/%61", "'%' is read in different ways; use a parameter"),
        ("/é", "'é' is read in different ways; use a parameter"),
        ("/a b", "\"/a\" is not an HTTP method"),
    ];
    let error = Paths::parse(wrong.map(|(pattern, _)| pattern)).unwrap_err();

    let expected = wrong.map(|(pattern, problem)| format!("path {pattern:?}: {problem}"));
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);
}

#[test]
fn a_path_that_is_too_long_to_read_could_be_any() {
    let long = format!("/%61{}", "/a".repeat(30_000));

    assert!(could("/login", &long) && !surely("/*", &long));
}

/// A request that a client sent to one path, and a router made one to another.
fn rewritten(asked: &'static str, routed: &str) -> request::Parts {
    let (mut head, ()) = Request::get(routed).body(()).unwrap().into_parts();
    head.extensions.insert(Uri::from_static(asked));
    Facts::of_mut(&mut head.extensions).set_original_uri(Extensions::get::<Uri>);
    head
}

#[test]
fn a_nested_router_is_asked_for_the_whole_path() {
    let head = rewritten("/api/login", "/login");
    let asked = RequestPath::of(&head);
    let paths = |pattern| Paths::parse([pattern]).unwrap();

    assert_eq!(asked.as_str(), "/api/login");
    assert!(paths("/api/login").surely_matches(&asked));
    assert!(!paths("/login").surely_matches(&asked));
    for pattern in ["/api/login", "/login"] {
        assert!(paths(pattern).could_match(&asked), "{pattern}");
    }
}

#[test]
fn a_path_that_was_rewritten_is_restricted_as_both_and_exempt_as_both() {
    let head = rewritten("/assets/x", "/admin/x");
    let asked = RequestPath::of(&head);
    let paths = |patterns: &[&str]| Paths::parse(patterns).unwrap();

    assert!(paths(&["/admin/*"]).could_match(&asked));
    assert!(paths(&["/assets/*"]).could_match(&asked));
    assert!(!paths(&["/assets/*"]).surely_matches(&asked));
    assert!(!paths(&["/admin/*"]).surely_matches(&asked));
    assert!(paths(&["/*"]).surely_matches(&asked));
}

#[test]
fn a_pattern_has_at_most_sixty_segments() {
    let long = "/a".repeat(60);
    assert!(surely(&long, &long) && could(&long, &format!("{long}/")));

    let error = Paths::parse([format!("{long}/a")]).unwrap_err().to_string();
    assert!(error.ends_with("has more than 60 segments"), "{error}");
}

proptest! {
    #[test]
    fn no_path_panics(path in ".*") {
        could("/a/*", &path);
        surely("/a/*", &path);
    }

    #[test]
    fn no_pattern_panics(pattern in "[/{}a*. %;]{0,12}") {
        let _ = Paths::parse([pattern]);
    }

    #[test]
    fn what_surely_matches_could_match(pattern in "(/[ab]|/\\{x\\}){0,3}/?(\\*|)", path in "[/ab.%;]{0,10}") {
        if let Ok(paths) = Paths::parse([&pattern]) {
            let request = RequestPath::new(&Method::GET, &path);
            prop_assert!(!paths.surely_matches(&request) || paths.could_match(&request));
        }
    }

    #[test]
    fn encoding_a_path_changes_nothing(name in "[a-z]{1,8}") {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (pattern, path) = (format!("/{name}"), format!("/{encoded}"));
        prop_assert!(could(&pattern, &path));
    }
}
