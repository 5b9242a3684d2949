//! The dashboard can be imported anywhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{dashboard, promtool};

/// Calls a function with every value of a key, however deep.
fn each<'v>(value: &'v Value, key: &str, call: &mut impl FnMut(&'v Value)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if name == key {
                    call(value);
                }
                each(value, key, call);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| each(value, key, call)),
        _ => {}
    }
}

#[test]
fn no_data_source_is_fixed() {
    let dashboard = dashboard::json();

    assert_eq!(dashboard["uid"], Value::Null);
    each(&dashboard, "datasource", &mut |source| {
        assert_eq!(
            (&source["type"], &source["uid"]),
            (&"prometheus".into(), &"${datasource}".into())
        );
    });
    each(&dashboard, "uid", &mut |uid| {
        assert_eq!(uid, "${datasource}")
    });
    let first = &dashboard::variables(&dashboard)[0];
    assert_eq!(
        (&first["name"], &first["type"]),
        (&"datasource".into(), &"datasource".into())
    );
}

#[test]
fn panels_have_their_own_numbers_and_places() {
    let dashboard = dashboard::json();
    let panels = dashboard::panels(&dashboard);
    let ids: BTreeSet<_> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    let titles: BTreeSet<_> = panels
        .iter()
        .map(|panel| panel["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles.len(), panels.len());

    let mut taken = BTreeSet::new();
    for place in panels.iter().map(|panel| &panel["gridPos"]) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| place[key].as_u64().unwrap());
        assert!(x + w <= 24, "{place}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{place}");
        }
    }
}

#[test]
fn every_panel_but_a_row_asks_something() {
    let dashboard = dashboard::json();
    for panel in dashboard::panels(&dashboard) {
        let targets = dashboard::targets(panel);
        assert_eq!(targets.is_empty(), panel["type"] == "row", "{panel}");
        let ids: BTreeSet<_> = targets
            .iter()
            .map(|target| target["refId"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), targets.len(), "{panel}");
    }
}

#[test]
fn promtool_reads_every_query() {
    let queries = dashboard::queries().expressions;
    let queries: Vec<_> = queries
        .iter()
        .map(|query| query.replace("$__rate_interval", "5m"))
        .collect();

    let read = promtool::parse(&queries).unwrap();

    assert!(
        read.contains(&format!("{} rules found", queries.len())),
        "{read}"
    );
    assert!(promtool::parse(&["sum(".to_owned()]).is_err());
}
