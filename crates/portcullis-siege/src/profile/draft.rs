//! A profile as a text, from what a server shows: what was found is set, what was not is a comment with
//! what it would enable.

use super::Profile;
use crate::catalogue::{Attack, CATALOGUE, Need};

/// What was found besides what stands in the profile.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) url: String,
    /// The name of the server, if it refuses others.
    pub(crate) host: Option<String>,
    /// Requests in a window of so many seconds, as `RateLimit-Policy` has them.
    pub(crate) quota: Option<(u64, u64)>,
    /// Why no right body is known.
    pub(crate) refusal: Option<String>,
}

/// Returns a text that [`Profile::parse`] reads.
pub(crate) fn draft(profile: &Profile, shown: &Shown) -> String {
    let mut text = format!(
        "# What is known of a server; see docs/siege.md. Uncomment and mend what it has.\nurl = {}\n",
        quoted(&shown.url)
    );
    text.push_str(&match &shown.host {
        Some(host) => format!("hosts = [{}]\n", quoted(host)),
        None => "# hosts = [\"api.example\"]   # if it refuses other names: A14, A25 go by it\n"
            .to_owned(),
    });
    keys(&mut text, profile);
    routes(&mut text, profile);
    body(&mut text, profile, shown.refusal.as_deref());
    text.push_str("\n[limits]   # what it promises; only a promise can be broken\n");
    text.push_str(&match shown.quota {
        Some((burst, window)) => format!(
            "burst = {burst}   # declared in RateLimit-Policy\nper_second = {:?}\n",
            burst as f64 / window.max(1) as f64
        ),
        None => "# burst = 10\n# per_second = 10.0\n".to_owned(),
    });
    text.push_str(LIMITS);
    for (need, table) in TABLES {
        text.push_str(&format!("\n# enables {}\n{table}", enabled(need)));
    }
    text + ACCEPT
}

/// A key never stands in it, only the variable that has it.
fn keys(text: &mut String, profile: &Profile) {
    let keys = &profile.keys;
    let header = quoted(&keys.header);
    text.push_str(&format!("\n[keys]\nheader = {header}\n"));
    text.push_str(&match keys.valid.as_deref() {
        Some(name) if name.starts_with("env:") => format!("valid = {}\n", quoted(name)),
        Some(_) => "valid = \"env:SIEGE_KEY\"\n".to_owned(),
        None => format!(
            "# valid = \"env:SIEGE_KEY\"   # enables {}\n",
            enabled(Need::Key)
        ),
    });
    text.push_str(&match keys.other.as_deref() {
        Some(name) if name.starts_with("env:") => format!("other = {}\n", quoted(name)),
        Some(_) => "other = \"env:SIEGE_KEY_OTHER\"\n".to_owned(),
        None => format!(
            "# other = \"env:SIEGE_KEY_OTHER\"   # another client's: with routes.own enables {}\n",
            enabled(Need::OtherKey)
        ),
    });
    text.push_str(&format!(
        "# revoked = \"env:SIEGE_KEY_REVOKED\"   # also expired, unscoped: enables {}\n",
        enabled(Need::DeadKey)
    ));
}

fn routes(text: &mut String, profile: &Profile) {
    let routes = &profile.routes;
    let all = [
        ("control", &routes.control, "/health", None),
        (
            "protected",
            &routes.protected,
            "/api",
            Some(Need::Protected),
        ),
        ("limited", &routes.limited, "/api", Some(Need::Limited)),
        ("body", &routes.body, "/api/echo", Some(Need::Body)),
        ("slow", &routes.slow, "/slow?ms={ms}", Some(Need::Slow)),
        ("panic", &routes.panic, "/panic", Some(Need::Panic)),
        (
            "panic_body",
            &routes.panic_body,
            "/panic-body",
            Some(Need::PanicBody),
        ),
        ("large", &routes.large, "/large", Some(Need::Large)),
        ("page", &routes.page, "/", Some(Need::Page)),
        ("metrics", &routes.metrics, "/metrics", Some(Need::Metrics)),
        ("health", &routes.health, "/health", Some(Need::Health)),
        ("ready", &routes.ready, "/ready", Some(Need::Ready)),
        ("own", &routes.own, "/api/orders/17", Some(Need::Own)),
        ("admin", &routes.admin, "/api/admin", Some(Need::Admin)),
    ];
    text.push_str("\n[routes]\n");
    for (name, found, example, need) in all {
        text.push_str(&match (found, need) {
            (Some(path), _) => format!("{name} = {}\n", quoted(path)),
            (None, None) => format!("# {name} = \"{example}\"   # public and cheap\n"),
            (None, Some(need)) => {
                format!("# {name} = \"{example}\"   # enables {}\n", enabled(need))
            }
        });
    }
}

/// The body that the route for bodies takes.
fn body(text: &mut String, profile: &Profile, refusal: Option<&str>) {
    let (kind, sample) = (&profile.routes.body_type, &profile.routes.body_sample);
    text.push_str(&match kind {
        Some(kind) => format!("body_type = {}\n", quoted(kind)),
        None => "# body_type = \"application/json\"   # what body takes\n".to_owned(),
    });
    let why = refusal.unwrap_or("a small one");
    text.push_str(&match sample {
        Some(sample) => format!("body_sample = {}\n", quoted(sample)),
        None => format!("# body_sample = '{{\"title\":\"x\"}}'   # {why}\n"),
    });
}

/// The attacks that need something.
fn enabled(need: Need) -> String {
    let attacks = CATALOGUE
        .iter()
        .filter(|attack| attack.needs.contains(&need) || is_any_body(attack, need));
    let ids: Vec<_> = attacks.map(|attack| attack.id).collect();
    ids.join(" ")
}

/// Whether it needs only the route of what is needed.
fn is_any_body(attack: &Attack, need: Need) -> bool {
    need == Need::Body && attack.needs.contains(&Need::AnyBody)
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const LIMITS: &str = "\
# body_bytes = 1048576
# request_seconds = 30.0
# header_seconds = 10
# body_seconds = 30
# write_seconds = 30
# idle_seconds = 75
# connections = 4096
# client_connections = 256
# in_flight = 512
# drain_seconds = 30
";

const TABLES: [(Need, &str); 10] = [
    (
        Need::Origins,
        "# [cors]\n# origins = [\"https://good.example\"]\n",
    ),
    (Need::Lockout, "# [lockout]\n# after = 5\n"),
    (
        Need::Tokens,
        "# [tokens]\n# route = \"/api/token\"\n# issuer = \"https://issuer.example\"\n\
         # audience = \"api\"\n# key = \"env:TOKEN_KEY\"\n",
    ),
    (
        Need::Signatures,
        "# [signatures]\n# route = \"/api/signed\"\n# key_id = \"siege\"\n\
         # hmac_sha256 = \"env:SIGNATURE_SECRET\"\n",
    ),
    (
        Need::TrustedPeer,
        "# [proxy]\n# trusted = \"127.0.0.100\"\n",
    ),
    // In the table above: TOML has each once.
    (
        Need::Fronts,
        "# fronts = { nginx = \"http://127.0.0.1:8081\" }   # also in [proxy]\n",
    ),
    (
        Need::Log,
        "# [sinks]\n# log = \"server.log\"   # one line each event\n",
    ),
    (
        Need::KeyStoreSwitch,
        "# [switches]   # requests that break something behind it, and mend it\n\
         # key_store_down = \"POST /break/keys\"\n# key_store_up = \"POST /mend/keys\"\n",
    ),
    (
        Need::DependencySwitch,
        "# dependency_down = \"POST /break/db\"   # also in [switches]\n\
         # dependency_up = \"POST /mend/db\"\n",
    ),
    (
        Need::Launch,
        "# [launch]\n# command = [\"./server\"]\n# env = { PORT = \"{port}\" }\n",
    ),
];

const ACCEPT: &str = "
# breaches that fail nothing, each with its reason
# [accept]
# A19 = \"our proxy cuts heads at 32 KiB\"
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_variable_is_written() {
        let mut profile = Profile::default();
        profile.keys.valid = Some("env:TASKS_KEY".to_owned());
        let text = draft(&profile, &Shown::default());

        assert!(text.contains("\nvalid = \"env:TASKS_KEY\"\n"), "{text}");
    }

    #[test]
    fn all_that_enables_something_is_in_it() {
        let text = draft(&Profile::default(), &Shown::default());

        for name in [
            "hosts",
            "other",
            "own",
            "admin",
            "log",
            "key_store_down",
            "dependency_down",
            "trusted",
            "fronts",
        ] {
            assert!(text.contains(&format!("# {name} = ")), "{name}: {text}");
        }
        assert!(!text.contains("enables \n"), "{text}");
    }

    #[test]
    fn what_was_found_is_read_back_and_the_rest_too_without_its_signs() {
        let mut profile = Profile::default();
        profile.routes.protected = Some("/a\"b".to_owned());
        profile.keys.valid = Some("a-secret".to_owned());
        profile.routes.body = Some("/b".to_owned());
        profile.routes.body_type = Some("application/json".to_owned());
        profile.routes.body_sample = Some("{}".to_owned());
        let shown = Shown {
            url: "http://127.0.0.1:1".to_owned(),
            host: Some("127.0.0.1".to_owned()),
            quota: Some((10, 4)),
            refusal: None,
        };
        let text = draft(&profile, &shown);

        assert!(!text.contains("a-secret"));
        assert!(text.contains("valid = \"env:SIEGE_KEY\""));
        let read = Profile::parse(&text).unwrap();
        assert_eq!(read.routes.protected.as_deref(), Some("/a\"b"));
        assert_eq!(read.routes.body_sample.as_deref(), Some("{}"));
        assert_eq!(read.limits.burst, Some(10));
        assert_eq!(read.limits.per_second, Some(2.5));
        assert_eq!(read.hosts, ["127.0.0.1"]);
        let lines = draft(&Profile::default(), &Shown::default());
        let lines = lines
            .lines()
            .filter(|line| line.contains(" = ") || line.contains('['));
        let all: Vec<_> = lines.map(|line| line.trim_start_matches("# ")).collect();
        Profile::parse(&all.join("\n")).unwrap();
    }
}
