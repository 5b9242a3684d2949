#!/usr/bin/env node
// A right server on Node's own http module, and with `--fault NAME` exactly one thing wrong.
//
// The siege is tested on it: nothing must be found in the right one, and each fault (`faults.txt`,
// beside this file) by its attack. No package is needed.
//
// Node's parser has forgiven a bare LF, two lengths and a space before a colon (18 does). So a guard
// sees each byte before it, and ends a connection whose framing is in doubt.
"use strict";

const http = require("node:http");

const {
  CLIENT_CONNECTIONS, CONNECTIONS, DRAIN_MS, HEAD_BYTES, HEAD_MS, IDLE_MS, REQUEST_MS, fault, settings,
  state,
} = require("./planted.js");
const { answerRaw, problem } = require("./answers.js");
const { guard } = require("./guard.js");
const { hasBody } = require("./bodies.js");
const { serve } = require("./serve.js");

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
  if (fault("ready-while-draining")) return setTimeout(() => process.exit(0), DRAIN_MS - 1000);
  server.close(() => process.exit(0));
  setTimeout(() => server.closeAllConnections(), DRAIN_MS - 1000).unref();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
