#!/usr/bin/env node
// A right server on Node's own http module, and with `--fault NAME` exactly one thing wrong.
//
// The siege is tested on it: nothing must be found in the right one, and each fault (`faults.txt`,
// beside this file) by its attack. No package is needed.
//
// Node's parser has forgiven a bare LF, two lengths and a space before a colon (18 does). So a guard
// sees each byte before it, and ends a connection whose framing is in doubt.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const path = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const HOSTS = ["127.0.0.1", "localhost"];
const ORIGIN = "https://good.com";
const TRUSTED = "127.0.0.100";
const VALID = "njs_valid_4f9c2b7d1e8a6053";
const REVOKED = "njs_revoked_4f9c2b7d1e8a6053";
const KEYS = [
  [digest(VALID), 200],
  [digest(REVOKED), 401],
  [digest("njs_expired_4f9c2b7d1e8a6053"), 401],
  [digest("njs_unscoped_4f9c2b7d1e8a6053"), 403],
];
const LONGEST_KEY = 128;
const [HEAD_BYTES, FIELDS, LONGEST_TARGET, BODY_BYTES] = [16 << 10, 100, 8 << 10, 64 << 10];
const [HEAD_MS, REQUEST_MS, WRITE_MS, IDLE_MS] = [2000, 5000, 2000, 4000];
const [DEADLINE_MS, DRAIN_MS] = [1000, 3000];
const [CONNECTIONS, CLIENT_CONNECTIONS, IN_FLIGHT] = [600, 128, 32];
const [BURST, PER_SECOND] = [10, 5];
const [LOCK_AFTER, LOCK_MS] = [5, 60_000];

const PART = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*";
const TARGET = new RegExp(`^/${PART}(?:\\?(?:${PART}|\\?)*)?$`);
const AUTHORITY = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i;
// Of these a request has one at most.
const SINGLE = [
  "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "expect",
  "authorization", "x-api-key", "origin",
];
const SECURE = [
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Permissions-Policy", "camera=(), geolocation=(), microphone=()"],
];
const PREFLIGHT = "access-control-request-method";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"];

const settings = parse(process.argv.slice(2));
const FAULT = settings.fault;
const fault = (...names) => names.includes(FAULT);

/** An answer in place of what was wanted. */
class Refused extends Error {
  constructor(status, fields = [], close = false) {
    super(String(status));
    Object.assign(this, { status, fields, close });
  }
}

/** A message that can't be believed: the connection ends with the answer. */
const bad = (status = 400) => new Refused(status, [], true);

// ----- What all connections share

const state = { draining: false, inFlight: 0, perClient: new Map(), counter: 0 };
const buckets = new Map();
const wrong = new Map();

/** The tokens that are left, or -1, and the seconds until there is another one. */
function take(client, now) {
  const burst = fault("limiter-one-more") ? BURST + 1 : BURST;
  const refilled = ({ left, at }) => Math.min(burst, left + ((now - at) / 1000) * PER_SECOND);
  if (buckets.size > 10_000) {
    for (const [key, bucket] of buckets) if (refilled(bucket) >= burst) buckets.delete(key);
  }
  let left = refilled(buckets.get(client) ?? { left: burst, at: now });
  const took = left >= 1;
  if (took) left -= 1;
  buckets.set(client, { left, at: now });
  return [took ? Math.floor(left) : -1, Math.max(0, (1 - left) / PER_SECOND)];
}

/** For how many seconds a client is still locked out. */
function locked(client, now) {
  const times = (wrong.get(client) ?? []).filter((at) => at + LOCK_MS > now);
  if (times.length < LOCK_AFTER || fault("lockout-missing")) return 0;
  return Math.ceil((times[times.length - LOCK_AFTER] + LOCK_MS - now) / 1000);
}

function addWrong(client, now) {
  if (wrong.size > 10_000) {
    for (const [key, times] of wrong) if (times.at(-1) + LOCK_MS <= now) wrong.delete(key);
  }
  wrong.set(client, [...(wrong.get(client) ?? []), now].slice(-LOCK_AFTER));
}

function digest(text) {
  return crypto.createHash("sha256").update(text, "latin1").digest();
}

/** Every digest is compared, each in constant time. */
function statusOf(key) {
  if (fault("key-prefix-enough") && key.startsWith(VALID)) return 200;
  if (fault("revoked-still-valid") && key === REVOKED) return 200;
  if (key.length > LONGEST_KEY) {
    if (fault("long-key-fails")) throw new Error("the key does not fit");
    return 401;
  }
  const given = digest(fault("key-case-ignored") ? key.toLowerCase() : key);
  let found = 401;
  for (const [known, status] of KEYS) if (crypto.timingSafeEqual(known, given)) found = status;
  return found;
}

// ----- Clients

/** Every value of a field: Node's own `headers` joins some of them and drops others. */
function all(request, name) {
  const values = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === name) values.push(request.rawHeaders[i + 1]);
  }
  return values;
}

const one = (request, name) => all(request, name)[0];

/** The address whose quota is charged: forwarded ones count from the trusted proxy only. */
function clientOf(request) {
  const peer = canonical(request.socket.remoteAddress) ?? "";
  let lines = all(request, "x-forwarded-for");
  if (fault("forwarded-first-line")) lines = lines.slice(0, 1);
  const entries = lines.flatMap((line) => line.split(",")).map((entry) => entry.trim());
  if (fault("forwarded-from-anyone") && entries.length) return entries.at(-1);
  if (fault("real-ip-believed")) return one(request, "x-real-ip") ?? peer;
  if (peer !== TRUSTED || !entries.length) return peer;
  if (fault("forwarded-leftmost")) return entries[0];
  for (const entry of entries.reverse()) {
    const address = canonical(entry);
    if (address === null) return fault("forwarded-garbage-believed") ? entry : peer;
    if (address !== TRUSTED) return address;
  }
  return peer;
}

/** One form for each address; of IPv6 the /64; null of what is none. */
function canonical(text) {
  if (net.isIPv4(text ?? "")) return text;
  if (!net.isIPv6(text ?? "") || text.includes("%")) return null;
  const host = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped) {
    const [high, low] = [parseInt(mapped[1], 16), parseInt(mapped[2], 16)];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  if (fault("ipv6-by-address")) return host;
  const [left, right] = host.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = right ? Array(8 - left.length - right.length).fill("0") : [];
  return [...left, ...zeros, ...(right ?? [])].slice(0, 4).join(":") + "::/64";
}

// ----- The guard

const FIELD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;
const CHUNK = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$/;

/** Reads the lines of heads and of chunks, strictly, and no more than these. */
class Guard {
  constructor() {
    Object.assign(this, { state: "head", line: "", lines: [], size: 0, left: 0, isBlank: false });
    this.heads = 0;
  }

  /** Whether nothing is wrong so far. */
  feed(data) {
    const text = data.toString("latin1");
    for (let at = 0; at < text.length && this.state !== "blind"; ) {
      if (this.state === "body" || this.state === "data") {
        const count = Math.min(this.left, text.length - at);
        at += count;
        this.left -= count;
        if (this.left === 0) this.state = this.state === "body" ? "head" : "end";
        continue;
      }
      const end = text.indexOf("\n", at);
      const piece = text.slice(at, end < 0 ? undefined : end + 1);
      this.line += piece;
      this.size += piece.length;
      at += piece.length;
      // Node refuses what is so large.
      if (this.state === "head" && this.size > HEAD_BYTES * 2) this.state = "blind";
      else if (this.state !== "head" && this.size > HEAD_BYTES) return false;
      else if (end >= 0 && !this.take(this.line)) return false;
      if (end >= 0) this.line = "";
    }
    return true;
  }

  take(whole) {
    const line = whole.slice(0, -2);
    if (!whole.endsWith("\r\n") || line.includes("\r")) return false;
    return this[this.state](line);
  }

  head(line) {
    if (line !== "") return this.lines.push(line) === 1 || FIELD.test(line);
    if (this.lines.length > 0) return this.frame(this.lines);
    // One blank line is forgiven: RFC 9112, 2.2.
    const isFirst = !this.isBlank;
    this.isBlank = true;
    return isFirst;
  }

  /** How long the body is: exactly one thing may tell it. */
  frame([start, ...fields]) {
    const values = (name) =>
      fields.filter((line) => line.slice(0, line.indexOf(":")).toLowerCase() === name)
        .map((line) => line.slice(line.indexOf(":") + 1).replace(/^[ \t]+|[ \t]+$/g, ""));
    const [lengths, codings] = [values("content-length"), values("transfer-encoding")];
    Object.assign(this, { lines: [], size: 0, isBlank: false, heads: this.heads + 1 });
    if (codings.length + lengths.length > 1) return false;
    if (codings.length > 0) {
      this.state = "chunk";
      const isNew = start.endsWith(" HTTP/1.1");
      return codings[0].toLowerCase() === "chunked" && isNew;
    }
    this.left = Number(lengths[0] ?? 0);
    this.state = this.left > 0 ? "body" : "head";
    return lengths.length === 0 || /^[0-9]{1,15}$/.test(lengths[0]);
  }

  chunk(line) {
    const match = CHUNK.exec(line);
    if (!match) return false;
    // Chunks may be small and many: only what else stands there is bounded.
    this.size -= match[1].length + 2;
    this.left = parseInt(match[1], 16);
    this.state = this.left > 0 ? "data" : "trailer";
    return true;
  }

  end(line) {
    this.state = "chunk";
    this.size -= 2;
    return line === "";
  }

  trailer(line) {
    if (line !== "") return FIELD.test(line);
    Object.assign(this, { state: "head", size: 0 });
    return true;
  }
}

/** Ends the connection, with an answer if that is no one's but the refused request's. */
function guard(socket) {
  const guard = new Guard();
  socket.unanswered = new Set();
  const isUnbounded = fault("header-timeout-missing");
  const start = () => (isUnbounded ? undefined : setTimeout(() => answerRaw(socket, 408), HEAD_MS));
  let [timer, heads] = [start(), 0];
  socket.on("close", () => clearTimeout(timer));
  socket.prependListener("data", (data) => {
    const isRight = socket.answered || guard.feed(data);
    // The time of a head begins with its first byte; of the first one, with the connection.
    if (guard.heads > heads || guard.size === 0) {
      clearTimeout(timer);
      timer = undefined;
    }
    heads = guard.heads;
    if (guard.state === "head" && guard.size > 0) timer ??= start();
    if (isRight) return;
    const pending = [...socket.unanswered];
    if (pending.length > 1 || pending.some((response) => response.headersSent)) socket.destroy();
    else answerRaw(socket, 400);
  });
}

// ----- Answers

/** A fresh one, always: what a client sends is its own affair. */
function requestId(request) {
  if (fault("id-reflected") && request && one(request, "x-request-id")) {
    return one(request, "x-request-id");
  }
  if (fault("ids-sequential")) return String(++state.counter).padStart(32, "0");
  return crypto.randomUUID();
}

function allows(origin) {
  if (origin === undefined) return false;
  if (fault("cors-suffix")) return origin.endsWith("good.com");
  return origin === ORIGIN || fault("cors-mirrored");
}

/** The fields of every answer, beside its own. */
function fieldsOf(request, status, own) {
  const fields = [...own];
  if (!(status >= 400 && fault("errors-without-headers"))) fields.push(...SECURE);
  if (!fault("errors-stored")) fields.push(["Cache-Control", "no-store"]);
  if (!fault("vary-missing")) fields.push(["Vary", "Origin"]);
  if (fault("server-named")) fields.push(["X-Powered-By", "Node"]);
  if (fault("hsts-on-http")) fields.push(["Strict-Transport-Security", "max-age=31536000"]);
  const origins = request ? all(request, "origin") : [];
  const [origin] = origins.length === 1 ? origins : [];
  if (allows(origin)) fields.push(["Access-Control-Allow-Origin", origin]);
  return fields;
}

function send(request, response, status, own, body) {
  if (request.socket.answered) return;
  const fields = fieldsOf(request, status, own);
  if (status !== 204) fields.push(["Content-Length", String(Buffer.byteLength(body))]);
  if (request.mustClose || state.draining) fields.push(["Connection", "close"]);
  if (fault("headers-twice")) fields.push(["X-Content-Type-Options", "nosniff"]);
  response.writeHead(status, fields.flat());
  response.end(body);
}

function ok(request, response, body, kind = "application/json", fields = []) {
  const own = [["Content-Type", kind], ["X-Request-Id", requestId(request)], ...fields];
  send(request, response, 200, own, body);
}

/** An error as RFC 9457 has it, without a word of what is inside. */
function problemOf(request, status, fields, detail) {
  const id = requestId(request);
  const title = http.STATUS_CODES[status];
  const body = JSON.stringify({ type: "about:blank", title, status, request_id: id, detail });
  const own = [["Content-Type", "application/problem+json"], ...fields];
  if (!(fault("id-missing-on-401") && status === 401)) own.push(["X-Request-Id", id]);
  return [own, body];
}

function problem(request, response, status, fields, detail) {
  if (response.headersSent) return request.socket.destroy();
  const [own, body] = problemOf(request, status, fields, detail);
  send(request, response, status, own, body);
}

/** An answer where there is no request, and the end of the connection. */
function answerRaw(socket, status, more = []) {
  if (socket.answered) return;
  if (!socket.writable) return socket.destroy();
  socket.answered = true;
  const [own, body] = problemOf(null, status, more);
  const fields = [
    ...fieldsOf(null, status, own), ["Content-Length", String(Buffer.byteLength(body))],
    ["Connection", "close"],
  ];
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines}\r\n${body}`);
  setTimeout(() => socket.destroy(), 1000).unref();
}

// ----- What every request must have

function checkHead(request) {
  const forgiven = { "host-twice-served": "host", "first-of-two-keys": "x-api-key" }[FAULT];
  for (const name of SINGLE) {
    if (all(request, name).length > 1 && name !== forgiven) throw bad();
  }
  if (request.rawHeaders.length > FIELDS * 2 && !fault("fields-unbounded")) throw bad(431);
  if (request.url.length > LONGEST_TARGET && !fault("target-unbounded")) throw bad(414);
  const host = one(request, "host");
  if (host !== undefined) checkAuthority(host);
  else if (!fault("host-missing-served")) throw bad();
  checkTarget(request, host);
  const coding = one(request, "transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") throw bad(501);
    const old = request.httpVersion !== "1.1";
    if (old || one(request, "content-length") !== undefined) throw bad();
  }
}

function checkAuthority(text) {
  const match = AUTHORITY.exec(text);
  if (!match) {
    if (fault("host-invalid-served")) return;
    throw bad();
  }
  if (!HOSTS.includes(match[1].toLowerCase()) && !fault("host-unchecked")) throw bad(421);
}

/** Absolute targets are those of this server; the others begin with a slash. */
function checkTarget(request, host) {
  let target = request.url;
  const absolute = ABSOLUTE.exec(target);
  if (absolute) {
    checkAuthority(absolute[1]);
    if (absolute[1].toLowerCase() !== (host ?? "").toLowerCase()) throw bad();
    target = absolute[2] || "/";
  }
  if (!TARGET.test(target) && !(target === "*" && request.method === "OPTIONS")) throw bad();
  const at = target.indexOf("?");
  request.path = at < 0 ? target : target.slice(0, at);
  request.query = at < 0 ? "" : target.slice(at + 1);
}

function authenticate(request) {
  if (fault("head-needs-no-key") && request.method === "HEAD") return;
  const [client, now] = [clientOf(request), performance.now()];
  const seconds = locked(client, now);
  if (seconds) throw new Refused(429, [["Retry-After", String(seconds)]]);
  let key = one(request, "x-api-key");
  if (fault("key-in-query") && key === undefined) {
    const query = new URLSearchParams(request.query);
    key = query.get("api_key") ?? query.get("key") ?? query.get("x-api-key") ?? undefined;
  }
  const status = key === undefined ? 401 : statusOf(key);
  if (status === 401) {
    if (key !== undefined) addWrong(client, now);
    const challenge = fault("challenge-missing") ? [] : [["WWW-Authenticate", "ApiKey"]];
    if (fault("wrong-key-differs") && key !== undefined) throw new Refused(403);
    throw new Refused(401, challenge);
  }
  if (fault("lockout-forgotten-by-success")) wrong.delete(client);
  if (status === 403) throw new Refused(403);
}

/** Charges the client. Returns the fields that tell of its quota. */
function limit(request) {
  let client = clientOf(request);
  if (fault("limiter-one-for-all")) client = "";
  if (fault("limiter-by-connection")) client += ` ${request.socket.remotePort}`;
  if (fault("limiter-by-agent")) client += ` ${one(request, "user-agent")}`;
  if (fault("limiter-by-path")) client += ` ${request.url}`;
  let [left, wait] = take(client, performance.now());
  if (fault("limiter-missing")) left = BURST;
  const fields = [
    ["RateLimit-Policy", `"client";q=${BURST};w=${BURST / PER_SECOND}`],
    ["RateLimit", `"client";r=${Math.max(0, left)};t=${Math.ceil(wait)}`],
  ];
  if (left >= 0) return fields;
  const after = fault("retry-after-zero") ? 0 : Math.max(1, Math.ceil(wait));
  if (!fault("no-retry-after")) fields.push(["Retry-After", String(after)]);
  throw new Refused(429, fields);
}

// ----- Routes

const allowed = (methods) =>
  [...Object.keys(methods), ...(methods.GET ? ["HEAD"] : []), "OPTIONS"].join(", ");

const ROUTES = {
  "/health": { GET: health },
  "/ready": { GET: ready },
  "/api/hello": { GET: (request, response) => ok(request, response, '{"hello":"client"}') },
  "/api/limited": { GET: limited },
  "/api/echo": { POST: echo },
  "/api/panic": { GET: panic },
  "/api/panic-body": { GET: panicBody },
  "/api/slow": { GET: slow },
  "/api/large": { GET: large },
};
const NEEDS_KEY = ["/api/hello"];
const PROBES = ["/health", "/ready"];

function health(request, response) {
  const host = fault("host-forwarded") ? one(request, "x-forwarded-host") : undefined;
  ok(request, response, JSON.stringify({ status: "ok", host }));
}

function ready(request, response) {
  if (state.draining) throw new Refused(503);
  ok(request, response, '{"status":"ready"}');
}

function limited(request, response) {
  ok(request, response, '{"limited":true}', undefined, limit(request));
}

function echo(request, response, body) {
  ok(request, response, body, "application/octet-stream");
}

function panic() {
  throw new Error("siege panic: password of the store is hunter2");
}

function panicBody(request, response) {
  const own = [["Content-Type", "text/plain"], ["X-Request-Id", requestId(request)]];
  response.writeHead(200, fieldsOf(request, 200, own).flat());
  if (request.method === "HEAD") return response.end();
  response.write("first", () => {
    if (fault("panic-body-ended-clean")) response.end();
    else request.socket.destroy();
  });
}

async function slow(request, response) {
  const ms = new URLSearchParams(request.query).get("ms") ?? "0";
  if (!/^[0-9]{1,7}$/.test(ms)) throw new Refused(400);
  const late = Number(ms) > DEADLINE_MS && !fault("deadline-missing");
  await sleep(late ? DEADLINE_MS : Number(ms), undefined, { signal: request.gone });
  if (late) throw new Refused(503, [["Retry-After", "1"]]);
  ok(request, response, '{"slow":true}');
}

/** 16 MiB, each piece of which must leave within its time. */
async function large(request, response) {
  const [piece, count] = [Buffer.alloc(64 << 10, "a"), 256];
  const own = [
    ["Content-Type", "application/octet-stream"], ["X-Request-Id", requestId(request)],
    ["Content-Length", String(piece.length * count)],
  ];
  const gone = new Promise((done) => response.once("close", () => done(false)));
  response.writeHead(200, fieldsOf(request, 200, own).flat());
  for (let i = 0; i < count && request.method !== "HEAD"; i++) {
    const timer = setTimeout(() => request.socket.destroy(), WRITE_MS);
    if (fault("write-timeout-missing")) clearTimeout(timer);
    const wrote = new Promise((done) => response.write(piece, (error) => done(!error)));
    const isWritten = await Promise.race([wrote, gone]);
    clearTimeout(timer);
    if (!isWritten) return;
  }
  response.end();
}

function options(request, response, methods) {
  const own = [["Allow", allowed(methods)], ["X-Request-Id", requestId(request)]];
  if (one(request, PREFLIGHT) !== undefined) {
    if (!allows(one(request, "origin"))) throw new Refused(403);
    let names = "X-API-Key, Content-Type";
    if (fault("preflight-headers-mirrored")) {
      names = one(request, "access-control-request-headers") ?? "";
    }
    own.push(
      ["Access-Control-Allow-Methods", allowed(methods)], ["Access-Control-Allow-Headers", names],
    );
  }
  send(request, response, 204, own, "");
}

/** The whole body, or a refusal. */
function bodyOf(request, response) {
  const length = Number(one(request, "content-length") ?? 0);
  if (length > BODY_BYTES && !fault("body-declared-unchecked")) throw bad(413);
  if (request.wantsContinue) response.writeContinue();
  return new Promise((done, fail) => {
    let [pieces, size] = [[], 0];
    request.on("data", (piece) => {
      size += piece.length;
      if (size > BODY_BYTES && !fault("body-chunked-unchecked")) {
        request.pause();
        fail(bad(413));
      } else pieces.push(piece);
    });
    request.on("end", () => {
      request.read_whole = true;
      done(Buffer.concat(pieces));
    });
    request.on("error", fail);
    request.on("close", () => fail(new Refused(400, [], true)));
  });
}

async function answer(request, response) {
  checkHead(request);
  if (fault("trace-echoed") && request.method === "TRACE") {
    return ok(request, response, request.rawHeaders.join("\r\n"), "message/http");
  }
  const isSlash = fault("slash-needs-no-key") && request.path === "/api/hello/";
  const name = isSlash ? "/api/hello" : request.path;
  const methods = Object.hasOwn(ROUTES, name) ? ROUTES[name] : {};
  const isProbe = PROBES.includes(name);
  if (!isProbe) shed();
  if (isProbe && fault("probes-limited")) limit(request);
  if (!METHODS.includes(request.method)) throw new Refused(501);
  if (request.method === "TRACE") throw new Refused(405, [["Allow", "GET, HEAD, OPTIONS"]]);
  const isPreflight = request.method === "OPTIONS" && one(request, PREFLIGHT) !== undefined;
  if (NEEDS_KEY.includes(request.path) && !isPreflight) authenticate(request);
  if (request.method === "OPTIONS") return options(request, response, methods);
  const handler = methods[request.method === "HEAD" ? "GET" : request.method];
  const isKnown = Object.keys(methods).length > 0;
  if (isKnown && !handler) throw new Refused(405, [["Allow", allowed(methods)]]);
  if (!isKnown) throw new Refused(404);
  if (!["identity", undefined].includes(one(request, "content-encoding")?.toLowerCase())) {
    throw new Refused(415, [["Accept-Encoding", "identity"]]);
  }
  const body = await bodyOf(request, response);
  if (!isProbe) shed();
  state.inFlight += 1;
  response.once("close", () => (state.inFlight -= 1));
  return handler(request, response, body);
}

/** A body that is still read takes nobody's place; a handler does. */
function shed() {
  if (state.inFlight >= IN_FLIGHT && !fault("no-shedding")) {
    throw new Refused(503, [["Retry-After", "1"]]);
  }
}

const hasBody = (request) =>
  one(request, "transfer-encoding") !== undefined ||
  Number(one(request, "content-length") ?? 0) > 0;

async function serve(request, response) {
  const gone = new AbortController();
  request.gone = gone.signal;
  if (request.socket.answered) return;
  request.socket.unanswered.add(response);
  response.once("close", () => {
    gone.abort();
    request.socket.unanswered.delete(response);
  });
  try {
    await answer(request, response);
  } catch (error) {
    if (gone.signal.aborted) return;
    if (error instanceof Refused) {
      // What is left of a body is nobody's.
      request.mustClose = error.close || (hasBody(request) && !request.read_whole);
      return problem(request, response, error.status, error.fields);
    }
    process.stderr.write(`${error.stack}\n`);
    if (fault("panic-kills-connection")) return request.socket.destroy();
    const detail = {
      "panic-text-leaked": `exception in a handler: ${error.message}`,
      "stack-in-500": error.stack,
    }[FAULT];
    problem(request, response, 500, [], detail);
  }
}

// ----- The server

function parse(words) {
  const settings = { port: 0, fault: undefined };
  const rows = fs.readFileSync(path.join(__dirname, "faults.txt"), "utf8").split("\n");
  for (let i = 0; i < words.length; i += 2) {
    if (words[i] === "--port") settings.port = Number(words[i + 1]);
    else if (words[i] === "--fault" && rows.some((row) => row.startsWith(`${words[i + 1]} `))) {
      settings.fault = words[i + 1];
    } else {
      process.stderr.write(`server.js: ${words.slice(i, i + 2).join(" ")} is not known\n`);
      process.exit(2);
    }
  }
  return settings;
}

/** What Node's parser refuses, and those that were too slow. */
function refuse(error, socket) {
  const status = {
    HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  }[error.code];
  if (error.code === "ECONNRESET") return socket.destroy();
  answerRaw(socket, status ?? 400);
}

const server = http.createServer({
  maxHeaderSize: fault("head-unbounded", "target-unbounded") ? 1 << 20 : HEAD_BYTES,
  headersTimeout: fault("header-timeout-missing") ? 0 : HEAD_MS,
  requestTimeout: fault("header-timeout-missing", "body-timeout-missing") ? 0 : REQUEST_MS,
  keepAliveTimeout: fault("idle-timeout-missing") ? 0 : IDLE_MS,
  connectionsCheckingInterval: 200,
  requireHostHeader: false,
  insecureHTTPParser: fault("parser-insecure"),
  noDelay: true,
});
server.maxHeadersCount = 0;
server.maxConnections = CONNECTIONS;
server.on("request", serve);
server.on("checkContinue", (request, response) => {
  request.wantsContinue = hasBody(request);
  serve(request, response);
});
server.on("checkExpectation", (request, response) => {
  request.mustClose = true;
  problem(request, response, 417, []);
});
server.on("connect", (_, socket) => answerRaw(socket, 405, [["Allow", "GET, HEAD, OPTIONS"]]));
server.on("clientError", refuse);
server.on("connection", (socket) => {
  const { perClient } = state;
  const client = socket.remoteAddress;
  const count = (perClient.get(client) ?? 0) + 1;
  if (count > CLIENT_CONNECTIONS) return socket.destroy();
  perClient.set(client, count);
  if (!fault("parser-insecure")) guard(socket);
  else socket.unanswered = new Set();
  socket.on("close", () => {
    const left = perClient.get(client) - 1;
    if (left) perClient.set(client, left);
    else perClient.delete(client);
  });
});
server.listen({ port: settings.port, host: "127.0.0.1", backlog: 1024 }, () => {
  process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
});

function stop() {
  if (fault("stop-drops-requests")) process.exit(0);
  state.draining = true;
  server.close(() => process.exit(0));
  setTimeout(() => server.closeAllConnections(), DRAIN_MS - 1000).unref();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
