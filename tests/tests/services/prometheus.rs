//! A real Prometheus scrapes a server under load, in both formats, and answers what the load did.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    future::IntoFuture,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Response, StatusCode, request},
    routing::get,
};
use portcullis::{
    Exchange, Observer, Quota, Scope,
    api_key::{ApiKey, Keys},
    observe::TraceContext,
    outbound::{Breaker, RetryLayer},
};
use portcullis_prometheus::{Metrics, TextFormat};
use portcullis_tests::{
    net::{Client, request},
    program::{Folder, Process, free_port},
};
use serde_json::Value;
use tokio::{net::TcpListener, time::sleep};

/// Puts each exchange in a sampled trace of its own. A neighbour does so for real.
struct Traced;

impl Observer for Traced {
    fn begin(&self, exchange: &mut Exchange, _: &request::Parts) -> Option<Scope> {
        exchange.set_trace(TraceContext {
            trace_id: 0xabc,
            span_id: 7,
            parent_id: None,
            flags: 1,
            state: None,
            link: None,
        });
        None
    }

    fn end(&self, _: &Exchange) {}
}

/// An application below an edge that has everything that counts.
async fn start(key: &ApiKey) -> (SocketAddr, Metrics) {
    let metrics = Metrics::new();
    let edge = portcullis_axum::edge()
        .observe(Traced)
        .observe(metrics.clone())
        .api_keys(Keys::from(key))
        .rate_limit(Quota::per_second(100_000))
        .principal_limit(Quota::per_second(100_000))
        .in_flight(1000)
        .load_shed(1000);
    let app = Router::new()
        .route("/users/{id}", get(|| async { "hello" }))
        .route("/fail", get(|| async { StatusCode::BAD_GATEWAY }))
        .route("/metrics", get(page))
        .route("/metrics/text", get(text))
        .with_state(metrics.clone())
        .layer(edge.build().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = portcullis::serve(listener, app);
    metrics.add(server.counts());
    metrics.add(Breaker::new());
    metrics.add(RetryLayer::new());
    tokio::spawn(server.into_future());
    (address, metrics)
}

async fn page(State(metrics): State<Metrics>, headers: HeaderMap) -> Response<String> {
    metrics.respond(&headers)
}

/// What a scraper gets that knows no other format.
async fn text(State(metrics): State<Metrics>) -> Response<String> {
    metrics.respond(&HeaderMap::new())
}

/// One connection's part of the load.
async fn load(address: SocketAddr, bearer: String) {
    let mut client = Client::http1(address).await;
    let authorized = [("authorization", &*bearer)];
    for number in 0..50 {
        let path = format!("/users/{number}");
        assert_eq!(client.ask(request(&path, &authorized)).await.status, 200);
        assert_eq!(client.ask(request("/fail", &authorized)).await.status, 502);
        if number % 2 == 0 {
            let path = format!("/nothing/{number}");
            assert_eq!(client.ask(request(&path, &authorized)).await.status, 404);
            assert_eq!(client.get("/users/1").await.status, 401);
        }
    }
}

struct Prometheus {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Prometheus {
    fn start(target: SocketAddr, key: &ApiKey) -> Self {
        let folder = Folder::new("prometheus");
        let job = |name: &str, path: &str| {
            format!(
                "- job_name: {name}\n  metrics_path: {path}\n  \
                 authorization: {{ credentials: '{}' }}\n  \
                 static_configs: [{{ targets: ['{target}'] }}]\n",
                key.expose()
            )
        };
        let jobs = job("openmetrics", "/metrics") + &job("text", "/metrics/text");
        let config = format!("global: {{ scrape_interval: 1s }}\nscrape_configs:\n{jobs}");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let process = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    folder.path().join("data").display()
                ))
                .arg(format!("--web.listen-address={address}"))
                .args(["--enable-feature=exemplar-storage", "--log.level=error"]),
        );
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }

    /// What it answers, once it listens.
    async fn ask(&self, path: &str) -> Value {
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        let answer = Client::http1(self.address).await.get(path).await;
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    /// The value of each series that a query finds, by its labels.
    async fn query(&self, query: &str) -> BTreeMap<String, f64> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.ask(&format!("/api/v1/query?query={encoded}")).await;
        let found = answer["data"]["result"].as_array().cloned();
        let series = found.unwrap_or_default().into_iter().map(|series| {
            let labels = series["metric"].as_object().unwrap().values();
            let labels: Vec<_> = labels.map(|value| value.as_str().unwrap()).collect();
            let value = series["value"][1].as_str().unwrap().parse().unwrap();
            (labels.join(" "), value)
        });
        series.collect()
    }

    /// Asks until the answer is right: what was scraped last may be a second old.
    async fn until(&self, query: &str, expected: &[(&str, f64)]) {
        let labelled = expected
            .iter()
            .map(|(labels, value)| ((*labels).to_owned(), *value));
        let expected: BTreeMap<_, _> = labelled.collect();
        let mut found = BTreeMap::new();
        for _ in 0..300 {
            found = self.query(query).await;
            if found == expected {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(found, expected, "{query}");
    }
}

const CONNECTIONS: u32 = 8;

/// The load, by route and status, to the request.
async fn counts_what_was_sent(prometheus: &Prometheus, job: &str) {
    let each = f64::from(CONNECTIONS);
    let ended = format!("{{job=\"{job}\",http_route!~\"/metrics.*\"}}");
    prometheus
        .until(
            &format!(
                "sum by (http_route, http_response_status_code, error_type) \
                 (http_server_request_duration_seconds_count{ended})"
            ),
            &[
                ("200 /users/{id}", 50.0 * each),
                ("401 /users/{id}", 25.0 * each),
                ("404", 25.0 * each),
                ("502 502 /fail", 50.0 * each),
            ],
        )
        .await;
    let bytes = format!(
        "sum by (http_route) (http_server_response_body_size_bytes_sum\
         {{job=\"{job}\",http_response_status_code=\"200\",http_route!~\"/metrics.*\"}})"
    );
    let hello = "hello".len() as f64;
    prometheus
        .until(&bytes, &[("/users/{id}", 50.0 * hello * each)])
        .await;
    let refused = format!("portcullis_rejections_total{{job=\"{job}\"}}");
    let refused = format!("sum by (layer, reason, policy) ({refused})");
    prometheus
        .until(&refused, &[("api_key unauthenticated", 25.0 * each)])
        .await;
}

/// Connections, durations and the age of the process.
async fn knows_the_process(prometheus: &Prometheus, job: &str) {
    let ended = format!("{{job=\"{job}\",http_route!~\"/metrics.*\"}}");
    let accepted =
        format!("portcullis_connections_accepted_total{{job=\"{job}\"}} >= bool {CONNECTIONS}");
    let accepted = format!("max by (job) ({accepted})");
    prometheus.until(&accepted, &[(job, 1.0)]).await;
    let slow = format!(
        "histogram_quantile(0.99, sum by (le) \
         (http_server_request_duration_seconds_bucket{ended})) < bool 10"
    );
    prometheus.until(&slow, &[("", 1.0)]).await;
    let age = format!("time() - process_start_time_seconds{{job=\"{job}\"}} < bool 600");
    prometheus
        .until(&format!("max by (job) ({age})"), &[(job, 1.0)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_queries_answer_what_the_load_did() {
    let key = ApiKey::generate("pk").unwrap();
    let (address, _metrics) = start(&key).await;
    let prometheus = Prometheus::start(address, &key);
    prometheus
        .until(
            "up",
            &[
                (&format!("up {address} openmetrics"), 1.0),
                (&format!("up {address} text"), 1.0),
            ],
        )
        .await;
    let bearer = format!("Bearer {}", key.expose());
    let clients = (0..CONNECTIONS).map(|_| tokio::spawn(load(address, bearer.clone())));
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    for job in ["openmetrics", "text"] {
        counts_what_was_sent(&prometheus, job).await;
        knows_the_process(&prometheus, job).await;
    }

    let path = "/api/v1/query_exemplars?start=0&end=9999999999&\
                query=http_server_request_duration_seconds_bucket";
    let exemplars = prometheus.ask(path).await["data"].to_string();
    let trace = format!("\"trace_id\":\"{:032x}\"", 0xabc);
    assert!(exemplars.contains(&trace), "{exemplars}");
}

/// Checks a page as `promtool` does. Returns what it says.
fn promtool(page: &str) -> (bool, String) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_text() {
    let key = ApiKey::generate("pk").unwrap();
    let (address, metrics) = start(&key).await;
    load(address, format!("Bearer {}", key.expose())).await;

    let page = metrics.encode_as(TextFormat::Prometheus);
    assert_eq!(promtool(&page), (true, String::new()));
    for part in [
        "_connections_",
        "_breaker_",
        "_retries_",
        "_load_shed_",
        "process_",
    ] {
        assert!(page.contains(part), "{part} {page}");
    }
    // It knows no other format.
    assert!(!promtool(&metrics.encode()).0);
}

#[tokio::test]
async fn nobody_without_a_key_gets_the_page() {
    let key = ApiKey::generate("pk").unwrap();
    let (address, _metrics) = start(&key).await;
    let mut client = Client::http1(address).await;

    let refused = client.get("/metrics").await;
    assert_eq!(refused.status, 401);
    assert!(!refused.text.contains("http_server"), "{}", refused.text);
    let bearer = format!("Bearer {}", key.expose());
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    for (accept, format) in [
        ("", TextFormat::Prometheus),
        (accept, TextFormat::OpenMetrics),
    ] {
        let headers = [("authorization", &*bearer), ("accept", accept)];
        let page = client.ask(request("/metrics", &headers)).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, format.content_type())
        );
        assert!(
            page.header("vary").contains("accept"),
            "{}",
            page.header("vary")
        );
        assert!(
            page.text.contains("http_server_active_requests"),
            "{}",
            page.text
        );
    }
}
