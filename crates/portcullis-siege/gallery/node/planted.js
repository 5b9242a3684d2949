// What is planted, and what all modules share.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const HOSTS = ["127.0.0.1", "localhost"];
const ORIGIN = "https://good.com";
const TRUSTED = "127.0.0.100";
const VALID = "njs_valid_4f9c2b7d1e8a6053";
const REVOKED = "njs_revoked_4f9c2b7d1e8a6053";
const OTHER = "njs_other_9b3e6a1c7d20f548";
const KEYS = [
  [digest(OTHER), 200],
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

const state = { draining: false, inFlight: 0, uploads: 0, panics: 0, perClient: new Map(), counter: 0 };

function digest(text) {
  return crypto.createHash("sha256").update(text, "latin1").digest();
}


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

module.exports = {
  ABSOLUTE, AUTHORITY, BODY_BYTES, BURST, CLIENT_CONNECTIONS, CONNECTIONS, DEADLINE_MS, DRAIN_MS,
  FAULT, FIELDS, HEAD_BYTES, HEAD_MS, HOSTS, IDLE_MS, IN_FLIGHT, KEYS, LOCK_AFTER, LOCK_MS,
  LONGEST_KEY, LONGEST_TARGET, METHODS, ORIGIN, OTHER, PER_SECOND, PREFLIGHT, REQUEST_MS, REVOKED, Refused,
  SECURE, SINGLE, TARGET, TRUSTED, VALID, WRITE_MS, bad, digest, fault, settings, state,
};
