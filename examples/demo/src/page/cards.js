// What there is to press: the cards, in their groups.

const GROUPS = [
  {
    title: "Who may enter",
    cards: [
      {
        id: "hello", title: "Say hello", layer: "API key", request: "GET /api/hello", expect: "200",
        text: "With the key. The application answers and knows the caller.",
        run: (panel) => send(panel, "/api/hello", { key: typedKey() }),
      },
      {
        id: "no-key", title: "No key", layer: "API key", request: "GET /api/hello", expect: "401",
        text: "Without it. What is not declared public is closed.",
        run: (panel) => send(panel, "/api/hello"),
      },
      {
        id: "wrong-key", title: "Wrong key", layer: "API key", request: "GET /api/hello", expect: "401",
        text: "With a wrong one, held against the answer to none.",
        run: compareWrongKey,
      },
      {
        id: "no-host", title: "No Host", layer: "Hygiene", request: "GET /health without Host", expect: "400",
        text: "No browser sends such a request, so the server sends it to itself. Only in development.",
        run: withoutHost, developmentOnly: true,
      },
    ],
  },
  {
    title: "Only known callers",
    cards: [
      {
        id: "token", title: "Token", layer: "JWT", request: "GET /api/token", expect: "200",
        text: "With a token of this demo's issuer, good for five minutes. Only in development.",
        run: (panel) => sendToken(panel, 0), developmentOnly: true,
      },
      {
        id: "expired-token", title: "Expired token", layer: "JWT", request: "GET /api/token", expect: "401",
        text: "The issuer signed it, an hour ago. The challenge says what is wrong with it. Only in development.",
        run: (panel) => sendToken(panel, AN_HOUR), developmentOnly: true,
      },
      {
        id: "replay", title: "Replay a signature", layer: "Signatures", request: "2 × POST /api/signed", expect: "200, then 401",
        text: "The server signs a request for the page, which sends it twice. Its nonce is good once. Only in development.",
        run: replay, developmentOnly: true,
      },
      {
        id: "lockout", title: "Guess a key", layer: "Lockout", request: "6 × GET /api/hello", expect: "401, then 429",
        text: "Five wrong keys, then the right one: too late. From another address, so that this page is not locked out. Only in development.",
        run: (panel) => probe(panel, "/debug/lockout", ["retry-after"]), developmentOnly: true,
      },
    ],
  },
  {
    title: "What other sites may do",
    cards: [
      {
        id: "preflight", title: "Preflights", layer: "CORS", request: "2 × OPTIONS /api/hello", expect: "204, then 403",
        text: "May a script of that origin send a key? One origin is in the list, one is not. No page may send this, so the server sends it to itself. Only in development.",
        run: (panel) => probe(panel, "/debug/preflights", ["access-control-allow-headers"]), developmentOnly: true,
      },
      {
        id: "cross-site", title: "A forged form", layer: "Cross-site", request: "2 × POST /api/echo", expect: "200, then 403",
        text: "The same form from this site and from another. What browsers say of where it comes from is enough to refuse it. The server sends it to itself. Only in development.",
        run: (panel) => probe(panel, "/debug/forms", []), developmentOnly: true,
      },
    ],
  },
  {
    title: "How much may enter",
    cards: [
      {
        id: "echo", title: "Echo", layer: "Body limit", request: "POST /api/echo", expect: "200",
        text: "A small body comes back as it went.",
        run: (panel) => post(panel, "/api/echo", "a small body"),
      },
      {
        id: "too-large", title: "Too large", layer: "Body limit", request: "POST /api/echo", expect: "413",
        text: "One byte more than the limit. The declared length is enough to refuse it.",
        run: (panel) => post(panel, "/api/echo", "x".repeat(bodyLimit() + 1)),
      },
      {
        id: "zip-bomb", title: "Zip bomb", layer: "Body limit", request: "POST /api/echo, gzip", expect: "413",
        text: "Ten times the limit in zeros. What is sent is small; what comes out is counted while it is decoded.",
        run: zipBomb,
      },
      {
        id: "burst", title: "Over the limit", layer: "Rate limit", request: `${BURST} × GET /api/hello`, expect: "429",
        text: "As fast as the browser can. The answers say how long to wait and what is left.",
        run: burst,
      },
    ],
  },
  {
    title: "When it breaks",
    cards: [
      {
        id: "slow", title: "Slow", layer: "Deadline", request: "GET /api/slow?ms=…", expect: "503",
        text: "The handler takes longer than its deadline. The caller does not wait for it.",
        run: (panel) => send(panel, `/api/slow?ms=${slowerThanTheDeadline()}`, { key: typedKey() }),
      },
      {
        id: "panic", title: "Panic", layer: "Catch panic", request: "GET /api/panic", expect: "500",
        text: "The handler panics. The answer tells nothing of why; the log does.",
        run: (panel) => send(panel, "/api/panic", { key: typedKey() }),
      },
      {
        id: "panic-body", title: "Panic in the body", layer: "Catch panic", request: "GET /api/panic-body", expect: "200, then cut off",
        text: "The head is gone when the body panics. The stream breaks, so nobody takes half an answer for a whole one.",
        run: (panel) => send(panel, "/api/panic-body", { key: typedKey() }),
      },
    ],
  },
  {
    title: "When it is too much",
    cards: [
      {
        id: "overload", title: "Overload", layer: "Load shedding", request: `${AT_ONCE} × GET /api/report`, expect: "200 and 503",
        text: "Two reports may be made at once. What is more is told at once to come back.",
        run: overload,
      },
      {
        id: "breaker", title: "A broken upstream", layer: "Circuit breaker", request: "POST /api/pay", expect: "502, 503, then 200",
        text: "Payments fail three times, and the breaker opens: no call is made. Payments recover, a probe succeeds, and it is closed. Only in development.",
        run: breaker, developmentOnly: true,
      },
      {
        id: "drain", title: "Stop gracefully", layer: "Drain", request: "GET /debug/drain", expect: "200",
        text: "A second server starts, and stops while it is still asked: not ready at once, and nothing accepted is lost. Only in development.",
        run: (panel) => send(panel, "/debug/drain"), developmentOnly: true,
      },
    ],
  },
  {
    title: "Streams",
    cards: [
      {
        id: "events", title: "Events", layer: "Streaming", request: "GET /events", expect: "200",
        text: `The first ${EVENTS} events as they come; then the page hangs up.`,
        run: events,
      },
      {
        id: "websocket", title: "WebSocket", layer: "Upgrade", request: "GET /ws", expect: "101",
        text: "Sends a line and gets it back. A browser cannot put a key on a WebSocket, so this demo declares /ws public.",
        run: webSocket,
      },
    ],
  },
  {
    title: "What one can see",
    cards: [
      {
        id: "health", title: "Health", layer: "Health", request: "GET /health", expect: "200",
        text: "Is the process well, and what does it depend on?",
        run: (panel) => send(panel, "/health"),
      },
      {
        id: "ready", title: "Ready", layer: "Health", request: "GET /ready", expect: "200 or 503",
        text: "Should it get traffic now? Break a dependency and ask again.",
        run: (panel) => send(panel, "/ready"),
      },
      {
        id: "checks", title: "Break a dependency", layer: "Health", request: "POST /debug/checks/…", expect: "2xx",
        text: "Only in development. Makes a check fail, and well again.",
        toggles: ["mongodb", "redis"], developmentOnly: true,
      },
      {
        id: "degraded", title: "Degraded, then well", layer: "Health", request: "GET /health", expect: "200",
        text: "Search fails, which the application can do without: degraded, and still 200. Then it recovers. Only in development.",
        run: degrade, developmentOnly: true,
      },
      {
        id: "identity", title: "One identity", layer: "Traces, metrics, log", request: "GET /api/panic", expect: "500",
        text: "A request that panics, and all that has its ID: the problem, its span, its lines of the log, the series that counted it. Only in development.",
        run: identity, developmentOnly: true,
      },
      {
        id: "metrics-no-key", title: "Metrics without key", layer: "Metrics", request: "GET /metrics", expect: "401",
        text: "Figures are not for everybody.",
        run: (panel) => send(panel, "/metrics"),
      },
      {
        id: "metrics", title: "Metrics with key", layer: "Metrics", request: "GET /metrics", expect: "200",
        text: "Prometheus text: rate, errors and duration per route.",
        run: (panel) => send(panel, "/metrics", { key: typedKey() }),
      },
      {
        id: "config", title: "Config", layer: "Config", request: "GET /debug/config", expect: "200 or 404",
        text: "What is in force, without its secrets. In production there is no such page.",
        run: (panel) => send(panel, "/debug/config", { key: typedKey() }),
      },
    ],
  },
];
