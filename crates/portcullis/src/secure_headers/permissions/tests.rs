use super::PermissionsPolicy;

fn problems(text: &str) -> Vec<String> {
    let error = text.parse::<PermissionsPolicy>().unwrap_err();
    error.problems().map(ToOwned::to_owned).collect()
}

#[test]
fn policies_of_profiles_are_right() {
    for policy in [PermissionsPolicy::page(), PermissionsPolicy::strict()] {
        let text = policy.to_string();

        assert_eq!(
            text.parse::<PermissionsPolicy>().as_ref(),
            Ok(&policy),
            "{text}"
        );
        assert_eq!(policy.weaknesses().count(), 0);
    }
    let page = PermissionsPolicy::page().to_string();
    assert!(!page.contains("clipboard"), "{page}");
}

#[test]
fn names_everything_that_is_wrong_at_once() {
    assert_eq!(
        problems("camera=(), web-share=(), camera=(self), usb=(* self), hid=(x), midi"),
        [
            "\"midi\": not `feature=(origins)`",
            "\"web-share\": not a feature that Chromium knows; it logs an error on each page",
            "camera: duplicate feature",
            "usb: * stands beside other origins",
            "hid: \"x\" is not self, * or an origin",
        ]
    );
    assert_eq!(problems(""), ["permissions policy: it is empty"]);
}

#[test]
fn nothing_can_be_injected() {
    for origin in [
        "https://a\"), usb=(*",
        "https://a/b",
        "https://",
        "a",
        "https://a,b",
        "\n",
        "",
        "https://:",
        "https://a:",
        "https://a:b:c",
        "https://a:99999",
        "https://a:*",
        "https://a*b",
        "https://*",
        "https://..",
    ] {
        let built = PermissionsPolicy::builder()
            .allow("camera", [origin])
            .build();

        assert!(built.is_err(), "{origin:?}");
    }
}

#[test]
fn says_what_any_origin_may_use() {
    let policy: PermissionsPolicy = "camera=*, usb=(self \"https://a.example:8443\"), \
                                     hid=\"https://*.b.example\""
        .parse()
        .unwrap();

    assert_eq!(policy.weaknesses().collect::<Vec<_>>(), ["camera"]);
    assert_eq!(
        policy.to_string(),
        "camera=(*), usb=(self \"https://a.example:8443\"), hid=(\"https://*.b.example\")"
    );
}
