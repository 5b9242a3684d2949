// What every request must have.
"use strict";

const {
  ABSOLUTE, AUTHORITY, FAULT, FIELDS, HOSTS, LONGEST_TARGET, SINGLE, TARGET, bad, fault,
} = require("./planted.js");
const { all, one } = require("./clients.js");

function checkHead(request) {
  const forgiven = {
    "host-twice-served": "host", "first-of-two-keys": "x-api-key", "coding-first-line": "content-encoding",
  }[FAULT];
  for (const name of SINGLE) {
    if (all(request, name).length > 1 && name !== forgiven) throw bad();
  }
  if (request.rawHeaders.length > FIELDS * 2 && !fault("fields-unbounded")) throw bad(431);
  if (request.url.length > LONGEST_TARGET && !fault("target-unbounded")) throw bad(414);
  const host = one(request, "host");
  const isLater = request.socket.hostChecked;
  request.socket.hostChecked = true;
  const isSkipped = fault("host-checked-once") && isLater;
  if (host !== undefined && !isSkipped) checkAuthority(host);
  else if (host === undefined && !isSkipped && !fault("host-missing-served")) throw bad();
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

module.exports = { checkHead };
