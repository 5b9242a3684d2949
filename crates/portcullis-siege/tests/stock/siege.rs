//! What the siege finds in all of them, beside what the scripts show.

use std::{collections::BTreeSet, thread};

use futures_util::future::join_all;
use portcullis_siege::{Level, Report};

use crate::{
    caddy, express, haproxy,
    harm::SCRIPTS,
    net_http, nginx, node,
    server::{Server, Stock},
    uvicorn,
};

const STOCK: [&Stock; 7] = [
    &nginx::NGINX,
    &haproxy::HAPROXY,
    &caddy::CADDY,
    &uvicorn::UVICORN,
    &express::EXPRESS,
    &net_http::NET_HTTP,
    &node::NODE,
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_must_hold_is_breached_where_a_script_shows_it_and_nowhere_else() {
    let servers = STOCK.map(|stock| (stock, (stock.start)()));
    let shown = thread::scope(|scope| {
        let all = servers.each_ref();
        let all = all.map(|(_, server)| scope.spawn(|| shown(server)));
        all.map(|one| one.join().unwrap())
    });
    let sieges = servers.each_ref().map(|(_, server)| server.siege());
    let reports = join_all(sieges).await;

    for (((stock, _), shown), report) in servers.iter().zip(shown).zip(reports) {
        let (name, text) = (stock.name, report.to_text(false));
        let known = BTreeSet::from_iter(stock.breaches.iter().copied());
        assert_eq!(found(&report), shown, "{name}: found and shown\n{text}");
        assert!(known.is_subset(&shown), "{name}: {known:?} of {shown:?}");
    }
}

/// What the scripts show.
fn shown(server: &Server) -> BTreeSet<&'static str> {
    thread::scope(|scope| {
        let all = SCRIPTS
            .iter()
            .map(|(id, script)| (*id, scope.spawn(|| script(server))));
        let all: Vec<_> = all.collect();
        let shown = all
            .into_iter()
            .filter_map(|(id, harm)| harm.join().unwrap().then_some(id));
        shown.collect()
    })
}

/// What a server must hold and was breached.
fn found(report: &Report) -> BTreeSet<&str> {
    let must = report
        .breaches()
        .filter(|outcome| outcome.level == Level::Must);
    must.map(|outcome| outcome.id.as_str()).collect()
}

#[test]
fn the_guide_lists_what_they_breach() {
    let guide = include_str!("../../../../docs/siege.md");
    for stock in STOCK {
        let row = format!("| {} | {} |\n", stock.name, stock.breaches.join(" "));
        assert!(guide.contains(&row), "{row}");
    }
}
