// Who a client is, what it may do, and how much of it.
"use strict";

const crypto = require("node:crypto");
const net = require("node:net");

const {
  BURST, KEYS, LOCK_AFTER, LOCK_MS, LONGEST_KEY, PER_SECOND, OTHER, REVOKED, Refused, TRUSTED, VALID,
  digest, fault,
} = require("./planted.js");

const buckets = new Map();
const wrong = new Map();

/** The tokens that are left, or -1, and the seconds until there is another one. */
function take(client, now) {
  const burst = fault("limiter-one-more") ? BURST + 1 : BURST;
  const refilled = ({ left, at }) => Math.min(burst, left + ((now - at) / 1000) * PER_SECOND);
  if (buckets.size > 10_000) {
    for (const [key, bucket] of buckets) if (refilled(bucket) >= burst) buckets.delete(key);
  }
  if (fault("limiter-window-of-client")) return takeOfWindow(client, now);
  let left = refilled(buckets.get(client) ?? { left: burst, at: now });
  const took = left >= 1;
  if (took) left -= 1;
  buckets.set(client, { left, at: now });
  return [took ? Math.floor(left) : -1, Math.max(0, (1 - left) / PER_SECOND)];
}

/** So many in each window, which begins with a client's first request. */
function takeOfWindow(client, now) {
  const length = (BURST / PER_SECOND) * 1000;
  let window = buckets.get(client);
  if (!window || now >= window.ends) window = { ends: now + length, count: 0 };
  window.count += 1;
  buckets.set(client, window);
  const wait = (window.ends - now) / 1000;
  return [window.count <= BURST ? BURST - window.count : -1, wait];
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
  if (fault("mapped-address-apart") && text?.toLowerCase().startsWith("::ffff:")) return text;
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

function authenticate(request) {
  if (fault("head-needs-no-key") && request.method === "HEAD") return;
  const [client, now] = [clientOf(request), performance.now()];
  const seconds = locked(client, now);
  if (seconds) throw new Refused(429, [["Retry-After", String(seconds)]]);
  let key = keyOf(request);
  const status = key === undefined ? 401 : statusOf(key);
  if (status === 401) {
    if (key !== undefined) addWrong(client, now);
    const challenge = fault("challenge-missing") ? [] : [["WWW-Authenticate", "ApiKey"]];
    if (fault("wrong-key-differs") && key !== undefined) throw new Refused(403);
    const refused = new Refused(401, toldFirst(key, challenge));
    if (fault("malformed-key-told") && !key?.includes("_")) refused.detail = "the key has no prefix";
    if (fault("known-id-detail") && key?.startsWith("njs_valid_")) refused.detail = "";
    throw refused;
  }
  if (fault("lockout-forgotten-by-success")) wrong.delete(client);
  if (status === 403) throw new Refused(403);
  request.isOther = key === OTHER;
}

function keyOf(request) {
  const [key, query] = [one(request, "x-api-key"), new URLSearchParams(request.query)];
  if (fault("key-scheme-stripped")) return key?.replace(/^[A-Za-z]+ +/, "");
  if (fault("key-decoded") && key?.includes("%")) return unescape(key);
  if (key !== undefined) return key;
  if (fault("key-as-basic-user")) {
    const [scheme, given] = (one(request, "authorization") ?? "").split(" ");
    if (scheme.toLowerCase() !== "basic" || !given) return undefined;
    return Buffer.from(given, "base64").toString().split(":")[0];
  }
  if (fault("key-in-query")) {
    return query.get("api_key") ?? query.get("key") ?? query.get("x-api-key") ?? undefined;
  }
  if (fault("key-as-apikey")) return query.get("apikey") ?? undefined;
  if (fault("underscore-key-taken")) return one(request, "x_api_key");
  return undefined;
}

/** The fields of a refusal, in an order that may tell its cause. */
function toldFirst(key, fields) {
  if (fault("revoked-key-field") && key === REVOKED) return [...fields, ["X-Key-Status", "revoked"]];
  if (fault("wrong-secret-order") && key?.startsWith("njs_valid_")) return [["Vary", "X-API-Key"], ...fields];
  if (fault("wrong-secret-order")) return [...fields, ["Vary", "X-API-Key"]];
  return fields;
}

/** Charges the client. Returns the fields that tell of its quota. */
function limit(request) {
  let client = clientOf(request);
  if (fault("limiter-one-for-all")) client = "";
  if (fault("limiter-by-connection")) client += ` ${request.socket.remotePort}`;
  if (fault("limiter-by-agent")) client += ` ${one(request, "user-agent")}`;
  if (fault("limiter-by-path")) client += ` ${request.url}`;
  if (fault("limiter-by-host")) client += ` ${one(request, "host")}`;
  if (fault("limiter-by-cookie")) client += ` ${one(request, "cookie")}`;
  if (fault("limiter-by-encoded-path", "limiter-by-doubled-slash")) client += ` ${request.path}`;
  if (fault("limiter-by-socket")) client += ` ${request.socket.remotePort}`;
  if (fault("limiter-skips-head") && request.method === "HEAD") return [];
  if (fault("limiter-skips-bearers") && one(request, "authorization")?.startsWith("Bearer ")) return [];
  let [left, wait] = take(client, performance.now());
  if (fault("limiter-missing")) left = BURST;
  const fields = [
    ["RateLimit-Policy", `"client";q=${BURST};w=${BURST / PER_SECOND}`],
    ["RateLimit", `"client";r=${Math.max(0, left)};t=${Math.ceil(wait)}`],
  ];
  if (left >= 0) return fields;
  const after = fault("retry-after-zero") ? 0 : Math.max(1, Math.ceil(wait));
  if (!fault("no-retry-after")) fields.push(["Retry-After", String(after)]);
  throw new Refused(fault("limiter-403") ? 403 : 429, fields);
}

module.exports = { all, authenticate, clientOf, limit, one };
