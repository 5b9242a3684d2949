//! Checks through one connection to a real Redis, beside what `redis-benchmark` gets of the same
//! script on the same machine.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use portcullis::{Charge, Quota, QuotaStore};
use portcullis_redis::RedisStore;
use tokio::{runtime, task::JoinSet, time::Instant};

use crate::{
    Outcome, document,
    goals::Judged,
    measure::median,
    report::{grouped, line},
};

/// A server of our own. Ends with the program.
struct Server(Child, u16);

/// Measures, writes the table, and returns its goals.
pub(crate) fn table() -> Outcome<Vec<Judged>> {
    let server = Server::start()?;
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        rows[0].push(server.benchmark("1")?);
        rows[1].push(ours(&server, 1)?);
        rows[2].push(ours(&server, 16)?);
    }
    let [benchmark, one, ours] = rows.map(median);
    let mut text = String::from("| | checks a second | of the first |\n|---|---:|---:|\n");
    for (name, rate) in [
        ("`redis-benchmark -c 1 -P 16`, the same script", benchmark),
        ("`RedisStore`, 16 requests at a time", ours),
        ("`RedisStore`, one request at a time", one),
    ] {
        let ratio = format!("{:.2}", rate / benchmark);
        line(&mut text, &[name.into(), grouped(rate), ratio]);
    }
    let goals = [Judged::new(GOAL, 50.0, Some(1e6 / ours))].to_vec();
    document::write_table("redis", &text, &goals)?;
    Ok(goals)
}

/// Checks a second, with so many requests waiting at the same time.
fn ours(server: &Server, at_a_time: u32) -> Outcome<f64> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = RedisStore::open(&format!("redis://127.0.0.1:{}", server.1))?;
        store.spend(charge(0)).await?;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..at_a_time {
            let store = store.clone();
            tasks.spawn(async move {
                for n in 0..CHECKS / at_a_time {
                    store.spend(charge(n * at_a_time + task)).await?;
                }
                Ok::<_, portcullis::BoxError>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(f64::from(CHECKS) / started.elapsed().as_secs_f64())
    })
}

fn charge(n: u32) -> Vec<Charge> {
    let key = format!("ip:192.0.2.{}", n % 256);
    vec![Charge::new(
        "second".into(),
        key,
        Quota::per_second(1_000_000),
        1,
    )]
}

// ===== impl Server =====

impl Server {
    fn start() -> Outcome<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]);
        let child = command.stdout(Stdio::null()).spawn()?;
        let server = Self(child, port);
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("redis-server does not listen".into())
    }

    fn benchmark(&self, connections: &str) -> Outcome<f64> {
        let port = self.1.to_string();
        let load = Command::new("redis-cli")
            .args(["-p", &port, "SCRIPT", "LOAD", SCRIPT])
            .output()?;
        let digest = String::from_utf8(load.stdout)?;
        let checks = CHECKS.to_string();
        let output = Command::new("redis-benchmark")
            .args([
                "-p",
                &port,
                "-c",
                connections,
                "-P",
                "16",
                "-n",
                &checks,
                "--csv",
            ])
            .args([
                "EVALSHA",
                digest.trim(),
                "1",
                "portcullis:{ip:192.0.2.1}:second",
            ])
            .args(["1", "1000", "1000000000", "1"])
            .output()?;
        let said = String::from_utf8(output.stdout)?;
        let rate = said.lines().last().and_then(|line| line.split('"').nth(3));
        Ok(rate.ok_or("redis-benchmark says nothing")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// 20,000 checks a second.
const GOAL: &str = "microseconds for each check through one connection, 16 at a time";
const CHECKS: u32 = 100_000;
const ROUNDS: usize = 5;
const SCRIPT: &str = include_str!("../../portcullis-redis/src/spend.lua");
