// Answers.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");

const { ORIGIN, SECURE, TRUSTED, fault, state } = require("./planted.js");
const { all, one } = require("./clients.js");

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
  if (fault("cors-localhost") && /^http:\/\/localhost(:\d+)?$/.test(origin)) return true;
  if (fault("cors-pattern")) return /^https:\/\/good.com$/.test(origin);
  return origin === ORIGIN || fault("cors-mirrored");
}

/** The fields of every answer, beside its own. */
function fieldsOf(request, status, own) {
  const fields = [...own];
  const names = own.map(([name]) => name);
  const isOdd = fault("media-bare") && status === 415;
  const isBare = isOdd || fault("errors-without-headers") && status >= 400;
  if (!isBare) fields.push(...SECURE.filter(([name]) => !names.some((own) => own.startsWith(name))));
  const kept = request && status === 200 ? keptBy(request) : undefined;
  if (!fault("errors-stored")) fields.push(["Cache-Control", kept ?? "no-store"]);
  if (!fault("vary-missing")) fields.push(["Vary", "Origin"]);
  if (fault("server-named")) fields.push(["X-Powered-By", "Node"]);
  if (fault("debug-field") && status >= 400) fields.push(["X-Debug-Token", "5e1e7f"]);
  if (fault("hsts-zero") && isForwardedTls(request)) {
    fields.push(["Strict-Transport-Security", "max-age=0"]);
  }
  if (fault("hsts-on-http")) fields.push(["Strict-Transport-Security", "max-age=31536000"]);
  const origins = request ? all(request, "origin") : [];
  const [origin] = origins.length === 1 ? origins : [];
  if (fault("cors-null-with-cookie") && origin === "null") {
    fields.push(["Access-Control-Allow-Origin", "null"], ["Access-Control-Allow-Credentials", "true"]);
  }
  if (allows(origin)) fields.push(["Access-Control-Allow-Origin", origin]);
  return fields;
}

const isForwardedTls = (request) =>
  request?.socket.remoteAddress === TRUSTED && one(request, "x-forwarded-proto") === "https";

/** For caches: nothing, unless a fault is planted. */
function keptBy(request) {
  const hasKey = one(request, "x-api-key") !== undefined;
  if (fault("protected-s-maxage") && hasKey) return "s-maxage=60";
  if (fault("extension-cut") && /\.(css|js|json)$/.test(request.path)) return "public, max-age=86400";
  return undefined;
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
  if (fault("version-told") && status === 404) detail = "Cannot GET: Express/4.18.2";
  const body = JSON.stringify({ type: "about:blank", title, status, request_id: id, detail });
  const own = [["Content-Type", "application/problem+json"], ...fields];
  const isMissing = fault("id-missing-on-401") && status === 401 || fault("media-without-id") && status === 415;
  if (!isMissing) own.push(["X-Request-Id", id]);
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

module.exports = { allows, answerRaw, fieldsOf, ok, problem, requestId, send };
