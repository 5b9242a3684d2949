// The guard: it sees each byte before the parser of Node.
"use strict";

const { HEAD_BYTES, HEAD_MS, fault } = require("./planted.js");
const { answerRaw } = require("./answers.js");

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

module.exports = { guard };
