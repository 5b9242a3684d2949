use std::{fs, path::PathBuf, time::Duration};

use portcullis_test::{Body, send};
use proptest::prelude::*;
use tokio::{
    task::yield_now,
    time::{advance, sleep},
};
use tower::Layer;

use super::{shed, streaming};
use crate::{
    Guard,
    load_shed::LoadShed,
    memory::{Cgroups, group, used},
};

/// A request that begins to look at signals.
async fn begin(guard: &LoadShed) {
    let service = shed(guard).layer(streaming::<Body>());
    drop(send(service, portcullis_test::request("/")).await);
    yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_runtime_lowers_the_limit_which_comes_back() {
    let guard = LoadShed::adaptive();
    begin(&guard).await;

    for _ in 0..3 {
        advance(Duration::from_millis(500)).await;
        yield_now().await;
    }
    assert_eq!(guard.limit(), 54, "128, less a quarter, three times");

    sleep(Duration::from_secs(2)).await;
    assert_eq!(guard.limit(), 128);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_is_in_time_lowers_nothing() {
    let guard = LoadShed::adaptive();
    begin(&guard).await;

    sleep(Duration::from_secs(60)).await;

    assert_eq!(guard.limit(), 128);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_not_lowered_by_lag_below_its_lowest_nor_where_that_is_off() {
    let (adaptive, fixed) = (LoadShed::adaptive(), LoadShed::fixed(80));
    let guards = [
        (adaptive.clone(), 4),
        (adaptive.lag(None), 128),
        (fixed.clone(), 80),
        (fixed.lag(Duration::from_millis(50)), 10),
    ];
    for (guard, _) in &guards {
        begin(guard).await;
    }

    for _ in 0..50 {
        advance(Duration::from_millis(500)).await;
        yield_now().await;
    }

    for (guard, limit) in guards {
        assert_eq!(guard.limit(), limit, "{guard:?}");
    }
}

#[test]
fn a_guard_looks_in_the_next_runtime_when_one_is_gone() {
    let guard = LoadShed::adaptive();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            begin(&guard).await;
            advance(Duration::from_millis(500)).await;
            yield_now().await;
        });
    }

    assert_eq!(guard.limit(), 72, "less a quarter, twice");
}

/// A group below one with a limit of 1,000 bytes.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("shed-{}-{name}", std::process::id()));
        let group = Self(root);
        fs::create_dir_all(group.0.join("pod/app")).unwrap();
        fs::write(group.0.join("own"), "1:name=x:/other\n0::/pod/app\n").unwrap();
        group.write("pod/app/memory.max", "max\n");
        group.write("pod/app/memory.current", "10\n");
        group.write("pod/memory.max", "1000\n");
        group.write("pod/memory.stat", "anon 1\ninactive_file 100\n");
        group
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn cgroups(&self) -> Cgroups {
        Cgroups {
            own: self.0.join("own"),
            root: self.0.clone(),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn memory_that_runs_out_lowers_the_limit_until_there_is_some() {
    let group = Group::new("full");
    let guard = LoadShed::adaptive()
        .memory_of(0.9, group.cgroups())
        .unwrap();
    group.write("pod/memory.current", "999\n");
    begin(&guard).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(guard.limit(), 128, "a tenth is cached files");

    group.write("pod/memory.current", "1000\n");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(guard.limit(), 4);
    let service = shed(&guard).layer(streaming::<Body>());
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(send(service.clone(), portcullis_test::request("/")).await);
    }
    assert_eq!(kept[4].status(), 503);
    let counts = Guard::counts(&guard);
    let of_memory = |count: &&crate::Count| count.labels == [("reason", "memory".to_owned())];
    assert_eq!(counts.iter().find(of_memory).unwrap().value, 1);

    group.write("pod/memory.current", "500\n");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(guard.limit(), 128);
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_of_memory_nothing_is_lowered() {
    let group = Group::new("none");
    let guard = LoadShed::fixed(80).memory_of(0.9, group.cgroups()).unwrap();
    begin(&guard).await;

    sleep(Duration::from_secs(5)).await;

    assert_eq!(guard.limit(), 80);
    assert!(LoadShed::fixed(9).memory(0.0).is_err());
    assert!(LoadShed::fixed(9).memory(1.1).is_err());
}

#[test]
fn what_the_kernel_writes_is_read() {
    assert_eq!(
        used("1000\n", "500\n", "anon 7\ninactive_file 100\n"),
        Some(0.4)
    );
    assert_eq!(used("1000", "500", ""), Some(0.5));
    assert_eq!(used("max\n", "500\n", ""), None);
    assert_eq!(used("0\n", "0\n", ""), None);
    assert_eq!(used("-1", "5", ""), None);
    assert_eq!(group("0::/\n"), Some(""));
    assert_eq!(
        group("12:memory:/a\n0::/system.slice/app\n"),
        Some("system.slice/app")
    );
    assert_eq!(group("0::/../escaped\n"), None);
    assert_eq!(group("12:memory:/a\n"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_or_not(max in ".*", current in ".*", stat in "(?s).*") {
        let _ = (used(&max, &current, &stat), group(&stat));
    }

    #[test]
    fn any_numbers_are_a_part(max in 1_u64.., current: u64, inactive: u64) {
        let stat = format!("inactive_file {inactive}\n");
        let part = used(&max.to_string(), &current.to_string(), &stat);
        let exact = current.saturating_sub(inactive) as f64 / max as f64;
        prop_assert_eq!(part, Some(exact));
    }
}
