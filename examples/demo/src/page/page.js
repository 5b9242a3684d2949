// The demo's page: a button sends a request, its card shows what really came back.
"use strict";

// ===== The content security policy =====

// Read by the browser test, shown to people. Nothing on this page may ever get here.
window.__cspViolations = [];

document.addEventListener("securitypolicyviolation", (event) => {
  window.__cspViolations.push(`${event.effectiveDirective} blocked ${event.blockedURI}`);
  showViolations();
});

function showViolations() {
  const banner = document.getElementById("violations");
  if (!banner || window.__cspViolations.length === 0) return;
  banner.textContent = `The content security policy was violated: ${window.__cspViolations.join("; ")}`;
  banner.hidden = false;
}

// ===== What the server says about itself =====

const WRONG_KEY = "not-a-key-of-this-server";
const EVENTS = 5;
const BURST = 15;
// Browsers open no more connections to one server.
const AT_ONCE = 6;
const PAYMENTS = 3;

// A placeholder that the server left as it was counts as nothing.
function meta(name) {
  const content = document.querySelector(`meta[name="${name}"]`).content;
  return content.startsWith("__") ? "" : content;
}

const bodyLimit = () => Number(meta("demo-body-limit")) || 1024 * 1024;
const slowerThanTheDeadline = () => 2 * (Number(meta("demo-deadline-ms")) || 10000);
const isDevelopment = () => meta("demo-key") !== "";
const typedKey = () => document.getElementById("key").value.trim();

// ===== The cards =====

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

// ===== Requests =====

function request(path, { key, method = "GET", body, headers: given } = {}) {
  const headers = new Headers(given);
  if (key) headers.set("x-api-key", key);
  if (body !== undefined) headers.set("content-type", "text/plain; charset=utf-8");
  return fetch(path, { method, headers, body, cache: "no-store", credentials: "omit" });
}

async function send(panel, path, options) {
  const response = await request(path, options);
  panel.head(response);
  await read(response, (text) => panel.append(text));
  panel.prettify(response);
  return response;
}

const post = (panel, path, body) => send(panel, path, { key: typedKey(), method: "POST", body });

// Hands on the body piece by piece, so that what came before a break is shown.
async function read(response, take) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (take(value) === false) return reader.cancel();
  }
}

async function compareWrongKey(panel) {
  const withoutKey = await request("/api/hello");
  const expected = await withoutKey.text();
  const wrong = await send(panel, "/api/hello", { key: WRONG_KEY });

  const same = wrong.status === withoutKey.status
    && wrong.headers.get("www-authenticate") === withoutKey.headers.get("www-authenticate")
    && withoutRequestId(panel.received, wrong) === withoutRequestId(expected, withoutKey);
  panel.note(same ? "the same as without a key, but for the request ID" : "differs from the answer without a key");
}

function withoutRequestId(body, response) {
  const id = response.headers.get("x-request-id");
  return id ? body.replaceAll(id, "") : body;
}

async function burst(panel) {
  const responses = await Promise.all(Array.from({ length: BURST }, () => request("/api/hello", { key: typedKey() })));
  await Promise.all(responses.map((response) => response.arrayBuffer()));

  const refused = responses.filter((response) => response.status === 429);
  panel.head(refused[0] ?? responses[0]);
  panel.note(`${BURST - refused.length} of ${BURST} passed, ${refused.length} refused`);
  panel.tries(responses.map((response) => response.status));
  for (const response of responses) panel.append(`${answerLine(response, ["retry-after", "ratelimit"])}\n`);
}

function answerLine(response, names = ["retry-after"]) {
  const fields = names.filter((name) => response.headers.has(name));
  const values = fields.map((name) => `${name}: ${response.headers.get(name)}`);
  return [response.status, ...values].join("   ");
}

// The answer is raw: its head is in the body of what the browser gets.
async function withoutHost(panel) {
  const response = await request("/debug/no-host");
  const [head, body] = (await response.text()).split("\r\n\r\n");
  const [first, ...lines] = head.split("\r\n");
  const [, code, ...reason] = first.split(" ");
  panel.status(Number(code), reason.join(" "));
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/).slice(0, 2)));
  panel.headers([...headers]);
  panel.append(body);
  panel.prettify({ headers });
}

async function zipBomb(panel) {
  const zeros = new Blob([new Uint8Array(10 * bodyLimit())]).stream();
  const bomb = await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
  const headers = { "content-encoding": "gzip" };
  await send(panel, "/api/echo", { key: typedKey(), method: "POST", body: bomb, headers });
  panel.note(`${bomb.byteLength} bytes were sent, for ${10 * bodyLimit()}`);
}

async function overload(panel) {
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    const response = await request("/api/report", { key: typedKey() });
    await response.arrayBuffer();
    return { response, ms: Math.round(performance.now() - start) };
  }));
  const shed = answers.find(({ response }) => response.status === 503);
  panel.head((shed ?? answers[0]).response);
  panel.tries(answers.map(({ response }) => response.status));
  for (const { response, ms } of answers) panel.append(`${answerLine(response)}   after ${ms} ms\n`);
}

async function breaker(panel) {
  const codes = [];
  const pay = async () => {
    const response = await request("/api/pay", { key: typedKey(), method: "POST" });
    const body = await response.text();
    codes.push(response.status);
    panel.head(response);
    panel.tries(codes);
    panel.append(`${answerLine(response)}   ${response.ok ? body.trim() : ""}\n`);
    return response;
  };
  const payments = (answer) => request(`/debug/checks/payments?answer=${answer}`, { method: "POST" });

  await payments("fail");
  let refused;
  for (let n = 0; n < PAYMENTS + 1; n += 1) refused = await pay();
  await payments("ok");
  const wait = Number(refused.headers.get("retry-after")) || 2;
  panel.note(`open: no call for ${wait} s`);
  await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  for (let n = 0; n < 2; n += 1) await pay();
  panel.note("closed again");
}

async function events(panel) {
  const response = await request("/events", { key: typedKey() });
  panel.head(response);
  let rest = "";
  let seen = 0;
  await read(response, (text) => {
    panel.append(text);
    const parts = (rest + text).split(/\r?\n\r?\n/);
    rest = parts.pop();
    seen += parts.length;
    panel.note(`${seen} events`);
    return seen < EVENTS;
  });
}

function webSocket(panel) {
  const line = "hello through the gate";
  const socket = new WebSocket(new URL("/ws", location.href.replace(/^http/, "ws")));
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => {
      panel.status(101, "Switching Protocols");
      panel.append(`→ ${line}\n`);
      socket.send(line);
    });
    socket.addEventListener("message", (event) => {
      panel.append(`← ${event.data}\n`);
      socket.close(1000);
    });
    socket.addEventListener("error", () => reject(new Error("the socket did not open, or broke")));
    socket.addEventListener("close", (event) => {
      panel.note(`closed with ${event.code}`);
      resolve();
    });
  });
}

// ===== A card's panel =====

class Panel {
  constructor(card, element) {
    this.element = element;
    this.badge = element.querySelector(".badge");
    this.received = "";
    const parts = { status: ".badge", duration: ".duration", note: ".note", tries: ".tries", headers: "tbody", body: ".body" };
    for (const [part, selector] of Object.entries(parts)) {
      element.querySelector(selector).dataset.testid = `result-${card.id}-${part}`;
    }
    element.querySelector(".scroll").setAttribute("aria-label", `Response headers of ${card.title}`);
    element.querySelector(".body").setAttribute("aria-label", `Response body of ${card.title}`);
    element.dataset.testid = `card-${card.id}`;
  }

  // Runs `action` and shows how long it took and whether it broke.
  async show(action) {
    if (this.element.getAttribute("aria-busy") === "true") return;
    this.clear();
    const start = performance.now();
    try {
      await action(this);
    } catch (error) {
      this.broke(error);
    }
    this.text(".duration", `${Math.round(performance.now() - start)} ms`);
    this.element.setAttribute("aria-busy", "false");
  }

  clear() {
    this.element.setAttribute("aria-busy", "true");
    this.received = "";
    this.status("", "waiting");
    for (const selector of [".duration", ".note", ".tries", ".body", "tbody"]) this.text(selector, "");
    for (const selector of [".answer", "details"]) this.reveal(selector, false);
  }

  text(selector, text) {
    this.element.querySelector(selector).textContent = text;
  }

  reveal(selector, visible) {
    this.element.querySelector(selector).hidden = !visible;
  }

  // Without a code, `text` says where the request is.
  status(code, text) {
    this.badge.textContent = `${code} ${text}`.trim();
    this.badge.dataset.kind = code ? kindOf(code) : text;
  }

  // Many answers at once: one badge each.
  tries(codes) {
    const badges = codes.map((code) => badge(code));
    this.element.querySelector(".tries").replaceChildren(...badges);
  }

  note(text) {
    this.text(".note", text);
  }

  head(response) {
    this.status(response.status, response.statusText);
    this.headers([...response.headers]);
  }

  headers(pairs) {
    const rows = pairs.map(([name, value]) => row(name, value));
    this.element.querySelector("tbody").replaceChildren(...rows);
    this.text("summary", `${rows.length} headers`);
    for (const selector of [".answer", "details"]) this.reveal(selector, true);
  }

  append(text) {
    this.received += text;
    this.text(".body", this.received);
    this.reveal(".answer", true);
  }

  prettify(response) {
    if (!/json/.test(response.headers.get("content-type") ?? "")) return;
    try {
      this.text(".body", JSON.stringify(JSON.parse(this.received), null, 2));
    } catch {
      this.note("the body is not the JSON it says it is");
    }
  }

  // Before the head there is no status; after it the body was cut off.
  broke(error) {
    const hasHead = this.badge.dataset.kind !== "waiting";
    if (!hasHead) this.badge.textContent = "no answer";
    this.badge.dataset.kind = "broken";
    this.note(hasHead ? `the body broke off after ${this.received.length} characters: ${error.message}` : error.message);
  }
}

const kindOf = (code) => `${String(code)[0]}xx`;

function badge(code) {
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.dataset.kind = kindOf(code);
  badge.textContent = code;
  return badge;
}

function row(name, value) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head);
  row.insertCell().textContent = value;
  return row;
}

// ===== Building the page =====

function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function buildGroup(group) {
  const section = clone("group");
  section.querySelector("h2").textContent = group.title;
  const cards = group.cards.filter((card) => !card.developmentOnly || isDevelopment());
  section.querySelector(".cards").append(...cards.map(buildCard));
  return section;
}

function buildCard(card) {
  const element = clone("card");
  const panel = new Panel(card, element);
  panel.text("h3", card.title);
  panel.text(".layer", card.layer);
  panel.text(".text", card.text);
  panel.text(".request code", card.request);
  panel.text(".expect", `expect ${card.expect}`);
  const buttons = card.toggles ? card.toggles.map((name) => buildToggle(panel, name)) : [buildButton(card, panel)];
  element.querySelector(".buttons").append(...buttons);
  return element;
}

function button(id, text, press) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.dataset.testid = `press-${id}`;
  button.addEventListener("click", press);
  return button;
}

const buildButton = (card, panel) => button(card.id, card.title, () => panel.show(card.run));

// Pressed means broken; the server has the last word.
function buildToggle(panel, name) {
  const toggle = button(name, `Make ${name} fail`, () => panel.show(async () => {
    const fail = toggle.getAttribute("aria-pressed") !== "true";
    const path = `/debug/checks/${name}?answer=${fail ? "fail" : "ok"}`;
    const response = await send(panel, path, { key: typedKey(), method: "POST" });
    if (response.ok) toggle.setAttribute("aria-pressed", String(fail));
  }));
  toggle.setAttribute("aria-pressed", "false");
  return toggle;
}

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("key").value = meta("demo-key");
  document.getElementById("key-note").textContent = isDevelopment()
    ? "Put in by the server, in development only."
    : "Type a key of this server. It stays on this page.";
  document.getElementById("groups").replaceChildren(...GROUPS.map(buildGroup));
  showViolations();
});
