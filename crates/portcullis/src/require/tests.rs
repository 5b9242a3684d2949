use portcullis_core::{Facts, Principal, Rejection, Scopes};
use portcullis_test::{contract, ok, request, send};
use tower::Layer;

use super::{Require, RequireLayer};

contract!(
    RequireLayer::from(Require::scopes("read").unwrap()),
    RequireLayer::off(),
);

fn alice() -> Principal {
    let scopes = |text| Scopes::parse(text).unwrap();
    let alice = Principal::new("alice").with_scopes(scopes("read write"));
    alice.with_roles(scopes("operator"))
}

async fn ask(
    require: Require,
    who: Option<Principal>,
    path: &str,
) -> http::Response<portcullis_test::Body> {
    let mut request = request(path);
    if let Some(who) = who {
        Facts::of_mut(request.extensions_mut()).set(who);
    }
    send(RequireLayer::from(require).layer(ok()), request).await
}

#[tokio::test]
async fn who_has_what_is_wanted_passes() {
    for require in [
        Require::scopes("read"),
        Require::scopes("write read"),
        Require::any_role("admin operator"),
    ] {
        let response = ask(require.unwrap(), Some(alice()), "/").await;
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn who_has_it_not_is_told_what_is_wanted() {
    let refused = ask(Require::scopes("read delete").unwrap(), Some(alice()), "/").await;
    let cause = refused
        .extensions()
        .get::<Rejection>()
        .unwrap()
        .cause()
        .cloned();

    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"delete read\""
    );
    assert_eq!(cause.unwrap().subject(), Some("alice"));
    let role = ask(Require::any_role("admin").unwrap(), Some(alice()), "/").await;
    assert_eq!(role.status(), 403);
    assert_eq!(
        ask(Require::scopes("READ").unwrap(), Some(alice()), "/")
            .await
            .status(),
        403
    );
}

#[tokio::test]
async fn nobody_is_no_one_who_may() {
    let refused = ask(Require::scopes("read").unwrap(), None, "/").await;

    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Bearer realm=\"api\""
    );
}

#[tokio::test]
async fn what_could_be_one_of_the_paths_is_meant() {
    let require = || Require::scopes("admin").unwrap().on(["/admin/*"]).unwrap();

    for (path, status) in [
        ("/", 200),
        ("/admin/x", 403),
        ("//admin/x", 403),
        ("/x/../admin/y", 403),
    ] {
        assert_eq!(
            ask(require(), Some(alice()), path).await.status(),
            status,
            "{path}"
        );
    }
    assert_eq!(
        portcullis_core::Guard::describe(&require()),
        "scopes admin on /admin/*"
    );
}

#[test]
fn nothing_wanted_is_a_mistake() {
    for error in [
        Require::scopes(" ").unwrap_err(),
        Require::any_role("").unwrap_err(),
        Require::scopes("a").unwrap().on([""; 0]).unwrap_err(),
    ] {
        assert!(error.to_string().contains("there is no"), "{error}");
    }
    assert!(Require::scopes("a\"b").is_err());
}
