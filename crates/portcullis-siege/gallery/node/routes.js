// Routes.
"use strict";

const crypto = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");

const { DEADLINE_MS, FAULT, PREFLIGHT, Refused, WRITE_MS, fault, state } = require("./planted.js");
const { allows, fieldsOf, ok, requestId, send } = require("./answers.js");
const { readJson } = require("./bodies.js");
const { limit, one } = require("./clients.js");

const allowed = (methods) =>
  [...Object.keys(methods), ...(methods.GET ? ["HEAD"] : []), "OPTIONS"].join(", ");

const ROUTES = {
  "/health": { GET: health },
  "/ready": { GET: ready },
  "/api/hello": { GET: (request, response) => ok(request, response, '{"hello":"client"}') },
  "/api/limited": { GET: limited },
  "/api/echo": { POST: echo },
  "/api/own": { GET: own },
  "/api/admin": { GET: admin },
  "/metrics": { GET: (request, response) => ok(request, response, "up 1\n", "text/plain; version=0.0.4") },
  "/": { GET: page },
  "/api/panic": { GET: panic },
  "/api/panic-body": { GET: panicBody },
  "/api/slow": { GET: slow },
  "/api/large": { GET: large },
};
// A folder that is served as it is has what begins with a dot, too.
if (fault("dotfiles-served")) {
  ROUTES["/.env"] = { GET: (request, response) => ok(request, response, "PORT=8080\nSESSION_SECRET=of-nobody\n", "text/plain") };
}
const NEEDS_KEY = ["/api/hello", "/api/own", "/api/admin", "/metrics"];
const PROBES = ["/health", "/ready"];

/** What is unknown below /api needs one too: who has none is not told what there is. */
function needsKey(name, isExact) {
  if (Object.hasOwn(ROUTES, name)) return NEEDS_KEY.includes(name);
  return name.startsWith("/api/") && !isExact;
}

function health(request, response) {
  const host = fault("host-forwarded") ? one(request, "x-forwarded-host") : undefined;
  const { node, openssl } = process.versions;
  const versions = fault("health-tells-versions") ? { node, openssl, express: "4.18.2" } : undefined;
  if (fault("sql-told") && /'|%27/.test(request.query)) {
    const name = "SequelizeDatabaseError: unterminated quoted string at or near";
    throw Object.assign(new Refused(400), { detail: name });
  }
  if (fault("query-stack-told")) readQuery(request.query);
  ok(request, response, JSON.stringify({ status: "ok", host, versions }));
}

/** As one does it by hand. */
function readQuery(query) {
  try {
    for (const pair of query.split("&")) decodeURIComponent(pair);
  } catch (error) {
    throw Object.assign(new Refused(400), { detail: error.stack });
  }
}

/** What belongs to one client. */
function own(request, response) {
  const isNamed = fault("owner-by-header") && one(request, "x-client-id") !== undefined;
  const isOwners = !request.isOther || isNamed;
  const isSpelled = fault("own-by-spelling") && request.path !== "/api/own";
  if (!isOwners && !isSpelled && !fault("own-unchecked")) throw new Refused(404);
  ok(request, response, '{"balance":"of the first client"}');
}

/** What none of the keys may do. */
function admin(request, response) {
  if (!fault("admin-unchecked")) throw new Refused(403);
  ok(request, response, '{"clients":"all of them"}');
}

function page(request, response) {
  const nonce = fault("nonce-fixed") ? "c2llZ2U=" : crypto.randomBytes(16).toString("base64");
  const policy = {
    "csp-base-missing": `default-src 'self'; object-src 'none'; frame-ancestors 'none'`,
    "csp-unsafe-eval": `default-src 'none'; script-src 'self' 'unsafe-eval'; frame-ancestors 'none'`,
  }[FAULT] ?? `default-src 'none'; script-src 'nonce-${nonce}'; frame-ancestors 'none'`;
  const body = `<!doctype html><title>Gallery</title><script nonce="${nonce}"></script>`;
  const ranges = one(request, "range");
  if (fault("ranges-overlap") && ranges) return parts(request, response, ranges, Buffer.from(body));
  const fields = [["Content-Security-Policy", policy]];
  if (fault("csp-report-only")) fields[0] = ["Content-Security-Policy-Report-Only", policy];
  ok(request, response, body, "text/html; charset=utf-8", fields);
}

function ready(request, response) {
  if (state.draining && !fault("ready-while-draining")) throw new Refused(503);
  ok(request, response, '{"status":"ready"}');
}

function limited(request, response) {
  ok(request, response, '{"limited":true}', undefined, limit(request));
}

function echo(request, response, body) {
  readJson(request, body);
  const kind = one(request, "content-type");
  const isEchoed = fault("content-type-echoed") && kind;
  ok(request, response, body, isEchoed ? kind : "application/octet-stream");
}

function panic() {
  state.panics += 1;
  if (fault("breaker-opens-for-all") && state.panics > 10) throw new Refused(503);
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
  if (fault("number-stack") && !/^[0-9]{1,7}$/.test(ms)) {
    throw Object.assign(new Refused(400), { detail: new TypeError(`not a number: ${ms}`).stack });
  }
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

/** Every range that was wanted. */
function parts(request, response, ranges, piece) {
  const bodies = ranges.replace("bytes=", "").split(",").map((range) => {
    const [first, last] = range.split("-");
    const data = piece.toString("latin1", Number(first), last ? Number(last) + 1 : piece.length);
    return `--part\r\nContent-Range: bytes ${range}/*\r\n\r\n${data}\r\n`;
  });
  const own = [
    ["Content-Type", "multipart/byteranges; boundary=part"], ["X-Request-Id", requestId(request)],
  ];
  send(request, response, 206, own, `${bodies.join("")}--part--`);
}

function options(request, response, methods) {
  const own = [["Allow", allowed(methods)]];
  if (!fault("options-without-id")) own.push(["X-Request-Id", requestId(request)]);
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

module.exports = { PROBES, ROUTES, allowed, needsKey, options };
