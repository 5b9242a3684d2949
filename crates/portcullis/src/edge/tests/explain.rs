use super::{Audit, Edge, NOTHING, Slot, value};
use crate::{Health, edge::Line};

#[test]
fn an_explanation_names_what_is_on() {
    let layer = Edge::new()
        .observe(Audit)
        .guard(Slot::Hygiene, NOTHING)
        .guard(Slot::Hygiene, NOTHING)
        .build()
        .unwrap();

    assert_eq!(
        layer.explain().to_string(),
        "observers        audit\n\
         panic recovery   answered with 500\n\
         deadline         30s, then 503; uploads 20s idle, 500 B/s, 3600s; streams 300s idle\n\
         client address   the peer; no proxy is trusted\n\
         request ID       x-request-id\n\
         secure headers   API profile\n\
         hygiene          any host, of our own, of our own\n\
         body limit       1048576 bytes\n"
    );
}

#[test]
fn a_long_explanation_names_everything_and_says_why() {
    let edge = Edge::new().catch_panic(false).hygiene(None);
    let layer = edge.build().unwrap();
    let text = format!("{:#}", layer.explain());

    assert!(text.starts_with("observers        off\n                 they see refusals"));
    assert!(text.contains("\npanic recovery   off\n"), "{text}");
    assert!(text.contains("\nhygiene          off\n"), "{text}");
    assert_eq!(text.lines().count(), 2 * (3 + Slot::ALL.len()));
    let stack = layer.explain();
    let slots: Vec<_> = stack.lines().skip(3).map(Line::name).collect();
    assert_eq!(slots, Slot::ALL.map(Slot::name));
    assert!(stack.lines().all(|line| text.contains(line.why())));
}

#[test]
fn probes_are_where_they_are_limited_or_not() {
    let limited = Edge::new()
        .health(&Health::new())
        .guard(Slot::RateLimit, NOTHING)
        .limit_probes(true);

    let probes = Some("/health, /ready and /live, without checks");
    let layer = limited.build().unwrap();
    assert_eq!(value(&layer, "limited health").as_deref(), probes);
    assert_eq!(value(&layer, "health"), None);
}
