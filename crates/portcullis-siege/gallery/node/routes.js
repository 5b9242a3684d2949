// Routes.
"use strict";

const { setTimeout: sleep } = require("node:timers/promises");

const { BODY_BYTES, DEADLINE_MS, PREFLIGHT, Refused, WRITE_MS, bad, fault, state } = require("./planted.js");
const { allows, fieldsOf, ok, requestId, send } = require("./answers.js");
const { limit, one } = require("./clients.js");

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

module.exports = { NEEDS_KEY, PROBES, ROUTES, allowed, bodyOf, options };
