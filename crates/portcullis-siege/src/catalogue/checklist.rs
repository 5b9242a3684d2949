//! The lines of the production checklist.

/// A line of the production checklist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// Its stable name, such as `LIM-4`.
    pub id: &'static str,
    /// The part of the checklist it stands in.
    pub part: &'static str,
    /// What it wants.
    pub text: &'static str,
    /// Why no attack from outside can test it, and what does.
    pub elsewhere: Option<&'static str>,
}

const fn line(id: &'static str, part: &'static str, text: &'static str) -> Line {
    Line {
        id,
        part,
        text,
        elsewhere: None,
    }
}

impl Line {
    const fn unseen(mut self, why: &'static str) -> Self {
        self.elsewhere = Some(why);
        self
    }
}

/// All lines, in their order.
#[rustfmt::skip]
pub const CHECKLIST: &[Line] = &[
    line("AUTH-1", "Who may enter",
        "Sensitive endpoints need an API key; what is not declared public is closed. 401 carries WWW-Authenticate and says nothing of why"),
    line("AUTH-2", "Who may enter",
        "Comparison takes the same time for every wrong key: unknown id, wrong secret, wrong length, expired, revoked"),
    line("AUTH-3", "Who may enter",
        "Secrets come from the environment or a file, are held hashed, never printed, wiped from memory")
        .unseen("where secrets come from, and how memory holds them, does not show outside: review, and unit tests of the key store"),
    line("AUTH-4", "Who may enter",
        "Start-up refuses missing, short (< 32 bytes of entropy for a signing secret) or well-known default secrets in production")
        .unseen("start-up is over before a siege begins: a test that starts the server with bad settings"),
    line("AUTH-5", "Who may enter",
        "Five failed attempts lock that client out for a while, in bounded memory, without locking out its neighbours' valid keys"),
    line("AUTH-6", "Who may enter",
        "Tokens: algorithm pinned, issuer, audience, not-before, expiry, key rotation by JWKS"),
    line("AUTH-7", "Who may enter",
        "Scopes and roles per route; 403 when known but not allowed"),
    line("AUTH-8", "Who may enter",
        "Keys rotate and are revoked with no restart and no gap"),
    line("AUTH-9", "Who may enter",
        "Requests can be signed (HMAC; RFC 9421), replays refused"),
    line("AUTH-10", "Who may enter",
        "Every auth success, failure, lockout and revocation leaves an audit event with request ID, client, key id and reason"),
    line("AUTH-11", "Who may enter",
        "Cross-origin state-changing requests from browsers are refused (Fetch metadata, Origin)"),
    line("AUTH-12", "Who may enter",
        "CORS lists exact origins; * with credentials is refused at start-up"),
    line("AUTH-13", "Who may enter",
        "Debug endpoints exist only in development, and answer 404 elsewhere"),
    line("AUTH-14", "Who may enter",
        "WebSocket upgrades pass the same checks as any request"),
    line("LIM-1", "How much may enter",
        "Per-IP limit, 10 requests/s by default, 429 with Retry-After and the standard RateLimit fields"),
    line("LIM-2", "How much may enter",
        "Per-user (per key, per subject) limit")
        .unseen("the siege has the keys of one client, or two: a test of the limiter that counts by key"),
    line("LIM-3", "How much may enter",
        "Policies per endpoint, configurable")
        .unseen("which policy a route should have does not show outside: a test with two routes"),
    line("LIM-4", "How much may enter",
        "The client address can't be forged: forwarded headers count only from trusted proxies, counted from the right; IPv6 is grouped by prefix"),
    line("LIM-5", "How much may enter",
        "Limiter memory is bounded under any flood of addresses; stale entries go, and no sweep stalls requests")
        .unseen("filling a limiter takes more addresses than one machine has: a test of the limiter with a million of them"),
    line("LIM-6", "How much may enter",
        "Body limits by declared and by actual length, 413; slow bodies time out, 408; decompression can't explode"),
    line("LIM-7", "How much may enter",
        "Content type is checked where a body is expected, 415"),
    line("LIM-8", "How much may enter",
        "Header count, header bytes and URI length are bounded, 431/414"),
    line("LIM-9", "How much may enter",
        "Every request has a deadline, 504 or 503; handlers can read what is left of it"),
    line("LIM-10", "How much may enter",
        "Overload is shed early with 503 and Retry-After, by measured latency and by memory pressure"),
    line("LIM-11", "How much may enter",
        "Several instances share one limit through Redis; when Redis fails, the local limit goes on")
        .unseen("a siege has one address of the server: a test with two instances and a Redis that stops"),
    line("LIM-12", "How much may enter",
        "Connections are bounded, in all and per client; slow headers time out"),
    line("ERR-1", "What happens when it breaks",
        "A panic anywhere (handler, its future, the streaming body) becomes a 500 or a cleanly ended stream, is logged and reported once, and kills no other request"),
    line("ERR-2", "What happens when it breaks",
        "Every refusal has one shape: application/problem+json (RFC 9457) with the request ID; gRPC and Connect clients get theirs"),
    line("ERR-3", "What happens when it breaks",
        "Client-safe messages outside, details in the logs"),
    line("ERR-4", "What happens when it breaks",
        "Outbound calls: circuit breaker, three retries with exponential backoff, jitter and a budget, deadline and context passed on")
        .unseen("calls to others do not show outside: tests of the client, with a server that fails"),
    line("ERR-5", "What happens when it breaks",
        "SIGTERM: not ready at once, drain, finish what is in flight, stop by a deadline; nothing in flight is lost"),
    line("ERR-6", "What happens when it breaks",
        "Dependencies down degrade, they don't fail: Redis, collector, key store"),
    line("ERR-7", "What happens when it breaks",
        "A panic or 5xx reaches an error-reporting hook with its context")
        .unseen("the hook is called inside: a test that registers one"),
    line("OBS-1", "What one can see",
        "Request ID made or accepted (validated), in every log line, response, problem and outbound call"),
    line("OBS-2", "What one can see",
        "OpenTelemetry server spans by the HTTP semantic conventions, W3C trace context in and out, exporter configurable")
        .unseen("spans go to a collector: a test with a collector in memory"),
    line("OBS-3", "What one can see",
        "Rate, errors, duration per route, in-flight, body sizes; refusals by reason; bounded label sets"),
    line("OBS-4", "What one can see",
        "/metrics in Prometheus text, closed without a key"),
    line("OBS-5", "What one can see",
        "One structured JSON access line per request, with trace and request IDs; secrets redacted"),
    line("OBS-6", "What one can see",
        "/health: 200/503, status, reason and checks; details only for those who may see them"),
    line("OBS-7", "What one can see",
        "/ready: dependency checks with time limits, never hammering the dependency; false while starting and draining"),
    line("OBS-8", "What one can see",
        "Built-in checks: activity, error rate, queue depth, memory pressure, heartbeat")
        .unseen("what each check finds does not show outside: unit tests of the checks"),
    line("OBS-9", "What one can see",
        "Dashboards, alert rules with tests, SLOs, runbook, that name the metrics the code really has")
        .unseen("dashboards and alert rules are files: `promtool test rules`, and a test of the names in them"),
    line("CFG-1", "How it is run",
        "Typed config (file + environment), every mistake reported at once with its place, before the first request")
        .unseen("start-up is over before a siege begins: tests that start the server with wrong files"),
    line("CFG-2", "How it is run",
        "Development, staging and production profiles; unsafe settings refused in production")
        .unseen("start-up is over before a siege begins: tests that start the server with unsafe settings"),
    line("CFG-3", "How it is run",
        "Limits, keys, switches change at run time without a restart; a bad new config is refused and the old one goes on")
        .unseen("a siege changes no settings: a test that writes a new file while requests go on"),
    line("CFG-4", "How it is run",
        "Container and Kubernetes manifests with probes, drain and resource limits")
        .unseen("manifests are files: a linter of them, and a cluster for tests"),
    line("CFG-5", "How it is run",
        "Dependencies checked for licences, sources, duplicates and advisories")
        .unseen("dependencies do not show outside: `cargo deny check` or its like"),
    line("CFG-6", "How it is run",
        "Security policy, threat model, decisions on record, architecture drawn")
        .unseen("documents do not show outside: review"),
];
