// Bodies, each read whole.
"use strict";

const zlib = require("node:zlib");

const { BODY_BYTES, Refused, bad, fault } = require("./planted.js");
const { all, one } = require("./clients.js");

const hasBody = (request) =>
  one(request, "transfer-encoding") !== undefined ||
  Number(one(request, "content-length") ?? 0) > 0;

/** The whole body, or a refusal. */
function bodyOf(request, response) {
  const length = Number(one(request, "content-length") ?? 0);
  const most = BODY_BYTES * (fault("body-limit-four-times") ? 4 : 1);
  if (length > most && !fault("body-declared-unchecked")) throw bad(413);
  if (request.wantsContinue) response.writeContinue();
  return new Promise((done, fail) => {
    let [pieces, size] = [[], 0];
    request.on("data", (piece) => {
      size += piece.length;
      if (size > most && !fault("body-chunked-unchecked")) {
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

/** The codings of a body, the first one innermost. */
function codingsOf(request) {
  const lines = all(request, "content-encoding");
  const known = fault("coding-first-line") ? lines.slice(0, 1) : lines;
  const codings = known.flatMap((line) => line.split(",")).map((coding) => coding.trim().toLowerCase());
  return codings.filter((coding) => !["", "identity"].includes(coding));
}

/** Only with a fault is any known. */
function checkCodings(codings) {
  if (fault("brotli-unbounded") && codings.every((coding) => coding === "br")) return;
  const isKnown = fault("unpacked-unbounded", "coding-first-line");
  if (codings.length > 0 && (!isKnown || codings.some((coding) => coding !== "gzip"))) {
    throw new Refused(415, [["Accept-Encoding", "identity"]]);
  }
}

/** A body without its codings. */
function unpacked(body, codings) {
  if (fault("brotli-unbounded") && codings.length > 0) return zlib.brotliDecompressSync(body);
  const most = fault("unpacked-unbounded") ? undefined : BODY_BYTES;
  try {
    return codings.reduce((whole) => zlib.gunzipSync(whole, { maxOutputLength: most }), body);
  } catch (error) {
    throw new Refused(error.code === "ERR_BUFFER_TOO_LARGE" ? 413 : 400);
  }
}

/** What a handler of JSON does with a body. */
function readJson(request, body) {
  const kind = one(request, "content-type") ?? "";
  if (!kind.startsWith("application/json")) return;
  if (fault("charset-fails")) new TextDecoder(/charset=(.*)/.exec(kind)?.[1] ?? "utf-8");
  if (!fault("json-fails", "json-stack", "json-walk-recursive")) return;
  let value;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    if (fault("json-walk-recursive")) return;
    if (fault("json-stack")) throw Object.assign(new Refused(400), { detail: error.stack });
    throw error;
  }
  walk(value);
}

/** Takes away what would be a prototype. */
function walk(value) {
  if (typeof value !== "object" || value === null) return;
  for (const name of Object.keys(value)) {
    if (name === "__proto__") delete value[name];
    else walk(value[name]);
  }
}

module.exports = { bodyOf, checkCodings, codingsOf, hasBody, readJson, unpacked };
