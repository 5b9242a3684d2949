#!/usr/bin/env python3
"""A right HTTP/1.1 server on raw asyncio, and with `--fault NAME` exactly one thing wrong.

The siege is tested on it: nothing must be found in the right one, and each fault (`faults.txt`, beside
this file) by its attack. Every byte is parsed here, strictly: what is ambiguous is refused and closes
the connection. The standard library only.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import itertools
import json
import math
import pathlib
import re
import resource
import secrets
import signal
import socket
import sys
import time
import traceback
from urllib.parse import parse_qs

HOSTS = {b"127.0.0.1", b"localhost"}
ORIGIN = "https://good.com"
TRUSTED = "127.0.0.100"
KEYS = {
    hashlib.sha256(b"pys_valid_4f9c2b7d1e8a6053").digest(): 200,
    hashlib.sha256(b"pys_revoked_4f9c2b7d1e8a6053").digest(): 401,
    hashlib.sha256(b"pys_expired_4f9c2b7d1e8a6053").digest(): 401,
    hashlib.sha256(b"pys_unscoped_4f9c2b7d1e8a6053").digest(): 403,
}
LONGEST_KEY = 128
HEAD_BYTES, FIELDS, LONGEST_TARGET = 16 << 10, 100, 8 << 10
BODY_BYTES = 64 << 10
HEAD_SECONDS, BODY_SECONDS, WRITE_SECONDS, IDLE_SECONDS = 2, 3, 2, 4
REQUEST_SECONDS, DRAIN_SECONDS = 1.0, 3
CONNECTIONS, CLIENT_CONNECTIONS, IN_FLIGHT = 600, 128, 32
BURST, PER_SECOND = 10, 5
LOCK_AFTER, LOCK_SECONDS = 5, 60

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
PART = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"
TARGET = re.compile(rb"/" + PART + rb"(?:\?(?:" + PART + rb"|\?)*)?")
AUTHORITY = re.compile(rb"([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
ABSOLUTE = re.compile(rb"(?i:http)://([^/?#]*)(.*)", re.DOTALL)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?")
# Of these a request has one at most.
SINGLE = {
    b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding",
    b"expect", b"authorization", b"x-api-key", b"origin",
}
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
PREFLIGHT = b"access-control-request-method"
PROBES = (b"/health", b"/ready")
TITLES = {
    200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
    421: "Misdirected Request", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
SECURE = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
COUNTER = itertools.count(1)
FAULT = None


def fault(*names):
    """Whether one of these is planted."""
    return FAULT in names


class Refused(Exception):
    """An answer in place of what was wanted."""

    def __init__(self, status, *fields, close=False):
        super().__init__(status)
        self.status, self.fields, self.close = status, list(fields), close


class Bad(Refused):
    """A message that can't be believed: the connection ends with the answer."""

    def __init__(self, status=400):
        super().__init__(status, close=True)


class Buckets:
    """A token bucket for each client: full ones are forgotten."""

    def __init__(self):
        self.states = {}

    def take(self, client, now):
        """Returns the tokens that are left, or -1, and the seconds until there is another one."""
        if len(self.states) > 10_000:
            self.states = {
                key: (left, at) for key, (left, at) in self.states.items()
                if left + (now - at) * PER_SECOND < BURST
            }
        burst = BURST + 1 if fault("limiter-one-more") else BURST
        left, at = self.states.get(client, (burst, now))
        left = min(burst, left + (now - at) * PER_SECOND)
        took = left >= 1
        left -= took
        self.states[client] = (left, now)
        return (int(left) if took else -1), max(0, (1 - left) / PER_SECOND)


class Locks:
    """The wrong keys of each client, for a minute. A right key forgets none."""

    def __init__(self):
        self.wrong = {}

    def seconds(self, client, now):
        """For how long a client is still locked out."""
        times = self.wrong.get(client, [])
        times = [at for at in times if at + LOCK_SECONDS > now]
        if len(times) < LOCK_AFTER or fault("lockout-missing"):
            return 0
        return math.ceil(times[-LOCK_AFTER] + LOCK_SECONDS - now)

    def add(self, client, now):
        if len(self.wrong) > 10_000:
            self.wrong = {
                key: times for key, times in self.wrong.items() if times[-1] + LOCK_SECONDS > now
            }
        self.wrong[client] = [*self.wrong.get(client, []), now][-LOCK_AFTER:]

    def forget(self, client):
        self.wrong.pop(client, None)


class Request:
    """A head whose framing is beyond doubt."""

    def __init__(self, method, target, version, fields):
        self.method, self.version, self.fields = method, version, fields
        self.path, _, self.query = target.partition(b"?")
        self.chunked, self.length, self.close = False, 0, version != b"HTTP/1.1"

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def one(self, name):
        values = self.all(name)
        return values[0] if values else None


def parse_field(line):
    name, colon, value = line.partition(b":")
    if fault("space-before-colon-served"):
        name = name.rstrip()
    if not colon or not TOKEN.fullmatch(name):
        raise Bad
    value = value.strip(b" \t")
    if not VALUE.fullmatch(value) and not fault("control-bytes-served"):
        raise Bad
    return name.lower(), value


def parse_start(line):
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Bad
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Bad(505 if re.fullmatch(rb"HTTP/[0-9]\.[0-9]", version) else 400)
    if not TOKEN.fullmatch(method):
        raise Bad
    if len(target) > LONGEST_TARGET and not fault("target-unbounded"):
        raise Bad(414)
    return method, target, version


def check_authority(value):
    match = AUTHORITY.fullmatch(value)
    if not match:
        if fault("host-invalid-served"):
            return
        raise Bad
    if match[1].lower() not in HOSTS and not fault("host-unchecked"):
        raise Bad(421)


def check_target(request, target):
    """Absolute targets are those of this server; the others begin with a slash."""
    if request.method == b"CONNECT":
        raise Bad(405)
    if request.method == b"OPTIONS" and target == b"*":
        return
    absolute = ABSOLUTE.fullmatch(target)
    if absolute:
        check_authority(absolute[1])
        if absolute[1].lower() != (request.one(b"host") or b"").lower():
            raise Bad
        target = absolute[2] or b"/"
        request.path, _, request.query = target.partition(b"?")
    if not TARGET.fullmatch(target):
        raise Bad


def check_framing(request, first):
    """How long the body is: exactly one thing may tell it."""
    lengths, codings = request.all(b"content-length"), request.all(b"transfer-encoding")
    if codings and request.version != b"HTTP/1.1":
        raise Bad
    if codings and lengths:
        if fault("cl-te-kept-open") or fault("lengths-checked-once") and not first:
            lengths = []
        elif fault("te-cl-kept-open"):
            codings = []
        else:
            raise Bad
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        if not fault("te-obfuscated-ignored"):
            raise Bad(501)
        codings = []
    request.chunked = bool(codings)
    if lengths:
        request.length = parse_length(lengths)


def parse_length(lengths):
    if fault("length-lenient"):
        with contextlib.suppress(ValueError):
            return max(0, int(lengths[0].split(b",")[0].strip(b";")))
    if len(set(lengths)) > 1 and not fault("length-first-wins"):
        raise Bad
    if not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
        raise Bad
    return int(lengths[0])


def check_head(request, target, first):
    """What every request must have, whatever it is for."""
    names = [name for name, _ in request.fields]
    forgiven = set()
    if fault("host-twice-served"):
        forgiven = {b"host"}
    elif fault("length-first-wins"):
        forgiven = {b"content-length"}
    elif fault("first-of-two-keys"):
        forgiven = {b"x-api-key"}
    elif fault("te-obfuscated-ignored"):
        forgiven = {b"transfer-encoding"}
    if any(names.count(name) > 1 for name in SINGLE - forgiven):
        raise Bad
    host = request.one(b"host")
    if host is not None:
        check_authority(host)
    elif not fault("host-missing-served"):
        raise Bad
    check_target(request, target)
    check_framing(request, first)
    options = b",".join(request.all(b"connection")).lower()
    if b"close" in [option.strip() for option in options.split(b",")]:
        request.close = True


class Connection:
    """Requests one after the other, each read whole before the next."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.peer = writer.get_extra_info("peername")[0]
        self.served, self.busy, self.head, self.begun = 0, False, 0, b""

    async def run(self):
        try:
            while await self.one():
                self.served += 1
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass

    async def line(self):
        """A line without its CRLF. A bare LF or CR is none of its own."""
        line, self.begun = self.begun, b""
        try:
            if line != b"\n":
                line += await self.reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise Bad(431 if self.head else 414) from None
        if line.endswith(b"\r\n"):
            line = line[:-2]
        elif fault("head-bare-lf-served") or fault("bare-lf-checked-once") and self.served:
            line = line[:-1]
        else:
            raise Bad
        if b"\r" in line and not fault("control-bytes-served"):
            raise Bad
        return line

    async def one(self):
        """One request. Returns whether another one may follow."""
        request = None
        try:
            request = await self.read_head()
            if request is None:
                return False
            self.busy = True
            try:
                return await self.server.serve(self, request)
            finally:
                self.busy = False
        except Refused as refused:
            await self.refuse(request, refused)
            return False

    async def read_head(self):
        """The next head, or nothing if the time for one is over."""
        self.head = 0
        if self.served:
            idle = None if fault("idle-timeout-missing") else IDLE_SECONDS
            try:
                first = await asyncio.wait_for(self.reader.read(1), idle)
            except TimeoutError:
                return None
            if not first:
                return None
            # The limit of a head begins with its first byte.
            self.begun = first
        limit = None if fault("header-timeout-missing", "header-line-renews") else HEAD_SECONDS
        try:
            async with asyncio.timeout(limit) as self.limit:
                return await self.parse_head()
        except TimeoutError:
            raise Bad(408) from None

    def renew(self):
        if fault("header-line-renews"):
            self.limit.reschedule(asyncio.get_running_loop().time() + HEAD_SECONDS)

    async def parse_head(self):
        self.renew()
        start = await self.line()
        if not start:
            # One blank line is forgiven: RFC 9112, 2.2.
            start = await self.line()
        method, target, version = parse_start(start)
        fields = []
        while True:
            self.head += len(start) + 2
            line = await self.line()
            self.renew()
            if not line:
                break
            fields.append(parse_field(line))
            start = line
            too_many = self.head > HEAD_BYTES and not fault("head-unbounded", "target-unbounded")
            if too_many or len(fields) > FIELDS and not fault("fields-unbounded"):
                raise Bad(431)
        request = Request(method, target, version, fields)
        check_head(request, target, not self.served)
        return request

    async def body(self, request):
        """The whole body, or a refusal."""
        if request.length > BODY_BYTES and not fault("body-declared-unchecked"):
            raise Bad(413)
        expect = request.one(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            raise Bad(417)
        if expect is not None and (request.chunked or request.length):
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        limit = None if fault("body-timeout-missing") else BODY_SECONDS
        try:
            async with asyncio.timeout(limit):
                if request.chunked:
                    return await self.chunks()
                return await self.reader.readexactly(request.length)
        except TimeoutError:
            raise Bad(408) from None

    async def chunks(self):
        body, extensions = bytearray(), 0
        while True:
            line = await self.chunk_line()
            match = CHUNK.fullmatch(line)
            unbounded = fault("chunk-extensions-unbounded")
            if not match or len(line) > 256 and not unbounded:
                raise Bad
            extensions += len(line) - len(match[1])
            size = int(match[1], 16)
            if extensions > 16 << 10 and not unbounded:
                raise Bad
            if len(body) + size > BODY_BYTES and not fault("body-chunked-unchecked"):
                raise Bad(413)
            if size == 0:
                break
            body += await self.reader.readexactly(size)
            if await self.chunk_line():
                raise Bad
        for _ in range(FIELDS):
            line = await self.chunk_line()
            if not line:
                return bytes(body)
            parse_field(line)
        raise Bad(431)

    async def chunk_line(self):
        if fault("chunk-bare-lf"):
            return (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
        return await self.line()

    async def send(self, request, status, fields, body, close):
        """One answer with its length. HEAD has none of the body."""
        head = self.head_of(request, status, fields, close)
        if status != 204:
            head.append(("Content-Length", str(len(body))))
        if request and request.method == b"HEAD" and not fault("head-with-body"):
            body = b""
        await self.write(encode(status, head) + body)

    def head_of(self, request, status, fields, close):
        names = {name.lower() for name, _ in fields}
        secure = [] if status >= 400 and fault("errors-without-headers") else SECURE
        head = [*fields, *((name, value) for name, value in secure if name.lower() not in names)]
        if fault("headers-twice"):
            head.append(("X-Content-Type-Options", "nosniff"))
        if fault("server-named"):
            head.append(("Server", "asyncio/3.11"))
        if fault("hsts-on-http"):
            head.append(("Strict-Transport-Security", "max-age=31536000"))
        if "cache-control" not in names and not fault("errors-stored"):
            head.append(("Cache-Control", "no-store"))
        if not fault("vary-missing"):
            head.append(("Vary", "Origin"))
        origin = request.one(b"origin") if request else None
        origin = origin.decode("latin-1") if origin is not None else None
        if allows(origin):
            head.append(("Access-Control-Allow-Origin", origin))
        if close:
            head.append(("Connection", "close"))
        return head

    async def write(self, data):
        self.writer.write(data)
        limit = None if fault("write-timeout-missing") else WRITE_SECONDS
        try:
            await asyncio.wait_for(self.writer.drain(), limit)
        except TimeoutError:
            self.writer.transport.abort()
            raise

    async def refuse(self, request, refused, detail=None):
        await self.problem(request, refused.status, refused.fields, True, detail)
        await self.linger()

    async def problem(self, request, status, fields, close, detail=None):
        """An error as RFC 9457 has it, without a word of what is inside."""
        identity = request_id(request)
        problem = {
            "type": "about:blank", "title": TITLES[status], "status": status, "request_id": identity,
        }
        if detail:
            problem["detail"] = detail
        head = [("Content-Type", "application/problem+json"), *fields]
        if not (fault("id-missing-on-401") and status == 401):
            head.append(("X-Request-Id", identity))
        await self.send(request, status, head, json.dumps(problem).encode(), close)

    async def linger(self):
        """Ends the answer so that the client can read it, whatever it still sends."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(1):
                while await self.reader.read(1 << 16):
                    pass


def encode(status, head):
    lines = [f"HTTP/1.1 {status} {TITLES[status]}", *(f"{name}: {value}" for name, value in head)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def allows(origin):
    if origin is None:
        return False
    if fault("cors-suffix"):
        return origin.endswith("good.com")
    return origin == ORIGIN or fault("cors-mirrored")


def request_id(request):
    """A fresh one, always: what a client sends is its own affair."""
    if fault("id-reflected") and request and request.one(b"x-request-id"):
        return request.one(b"x-request-id").decode("latin-1")
    if fault("ids-sequential"):
        return f"{next(COUNTER):032x}"
    return secrets.token_hex(16)


def client_of(peer, request):
    """The address whose quota is charged: forwarded ones count from the trusted proxy only."""
    lines = request.all(b"x-forwarded-for")
    if fault("forwarded-first-line"):
        lines = lines[:1]
    entries = [entry.strip() for line in lines for entry in line.decode("latin-1").split(",")]
    if fault("forwarded-from-anyone") and entries:
        return entries[-1]
    if fault("real-ip-believed") and request.one(b"x-real-ip"):
        return request.one(b"x-real-ip").decode("latin-1")
    if peer != TRUSTED or not entries:
        return peer
    if fault("forwarded-leftmost"):
        return entries[0]
    for entry in reversed(entries):
        try:
            address = ipaddress.ip_address(entry)
        except ValueError:
            return entry if fault("forwarded-garbage-believed") else peer
        address = getattr(address, "ipv4_mapped", None) or address
        if str(address) == TRUSTED:
            continue
        if address.version == 6 and not fault("ipv6-by-address"):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)
    return peer


class Server:
    """What all connections share."""

    def __init__(self):
        self.limiter, self.locks = Buckets(), Locks()
        self.connections, self.in_flight, self.draining = {}, 0, False
        # asyncio is busy where no descriptor is left: some must be.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = min(CONNECTIONS, descriptors - 64)
        self.routes = {
            b"/health": ({b"GET": self.health}, False),
            b"/ready": ({b"GET": self.ready}, False),
            b"/api/hello": ({b"GET": self.hello}, True),
            b"/api/limited": ({b"GET": self.limited}, False),
            b"/api/echo": ({b"POST": self.echo}, False),
            b"/api/panic": ({b"GET": self.panic}, False),
            b"/api/panic-body": ({b"GET": self.panic_body}, False),
            b"/api/slow": ({b"GET": self.slow}, False),
            b"/api/large": ({b"GET": self.large}, False),
        }

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        same = sum(other.peer == connection.peer for other in self.connections.values())
        task = asyncio.current_task()
        try:
            if len(self.connections) < self.most and same < CLIENT_CONNECTIONS:
                writer.transport.set_write_buffer_limits(high=0)
                self.connections[task] = connection
                await connection.run()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.connections.pop(task, None)
            writer.close()

    async def serve(self, connection, request):
        """Answers one request. Returns whether the connection goes on."""
        try:
            await self.answer(connection, request)
        except Refused as refused:
            if refused.close:
                raise
            if request.chunked or request.length:
                if not fault("cl-te-kept-open", "te-cl-kept-open", "lengths-checked-once"):
                    # What is left of a body would be the next request.
                    refused.close = True
                    raise
                await connection.body(request)
            close = request.close or self.draining
            await connection.problem(request, refused.status, refused.fields, close)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return False
        except Exception as error:
            print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
            detail = None
            if fault("panic-text-leaked"):
                detail = f"exception in a handler: {error}"
            elif fault("traceback-in-500"):
                detail = "".join(traceback.format_exception(error))
            if fault("panic-kills-connection"):
                return False
            await connection.refuse(request, Refused(500), detail)
            return False
        if request.close or self.draining:
            await connection.linger()
            return False
        return True

    async def answer(self, connection, request):
        if fault("trace-echoed") and request.method == b"TRACE":
            body = b"".join(name + b": " + value + b"\r\n" for name, value in request.fields)
            return await self.ok(connection, request, body, "message/http")
        path = request.path
        if fault("slash-needs-no-key") and path == b"/api/hello/":
            return await self.hello(connection, request)
        methods, needs_key = self.routes.get(path, ({}, False))
        is_probe = path in PROBES
        if not is_probe:
            self.shed()
        if is_probe and fault("probes-limited"):
            self.limit(connection, request)
        is_preflight = request.method == b"OPTIONS" and request.one(PREFLIGHT) is not None
        if request.method == b"TRACE":
            raise Refused(405, ("Allow", "GET, HEAD, OPTIONS"))
        if request.method not in METHODS:
            raise Refused(501)
        if needs_key and not is_preflight:
            self.authenticate(connection, request)
        if request.method == b"OPTIONS":
            return await self.options(connection, request, methods)
        method = b"GET" if request.method == b"HEAD" else request.method
        if not methods:
            raise Refused(404)
        if method not in methods:
            raise Refused(405, ("Allow", allowed(methods)))
        await self.handle(methods[method], connection, request)

    async def handle(self, handler, connection, request):
        """A handler with its body. Who sends one where none is wanted has it read within the limit."""
        coding = request.one(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            raise Refused(415, ("Accept-Encoding", "identity"))
        request.body = await connection.body(request)
        request.chunked, request.length = False, 0
        if request.path not in PROBES:
            self.shed()
        self.in_flight += 1
        try:
            await handler(connection, request)
        finally:
            self.in_flight -= 1

    def shed(self):
        """A body that is still read takes nobody's place; a handler does."""
        if self.in_flight >= IN_FLIGHT and not fault("no-shedding"):
            raise Refused(503, ("Retry-After", "1"))

    def authenticate(self, connection, request):
        if fault("head-needs-no-key") and request.method == b"HEAD":
            return
        client, now = client_of(connection.peer, request), time.monotonic()
        seconds = self.locks.seconds(client, now)
        if seconds:
            raise Refused(429, ("Retry-After", str(seconds)))
        key = request.one(b"x-api-key")
        if fault("key-in-query") and key is None:
            values = parse_qs(request.query.decode("latin-1"))
            key = next((values[name][0].encode() for name in ("api_key", "key", "x-api-key")
                        if name in values), None)
        status = status_of(key) if key is not None else 401
        if fault("empty-key-opens") and key == b"":
            status = 200
        if fault("local-forwarded-trusted") and request.one(b"x-forwarded-for") == b"127.0.0.1":
            request.guest, status = True, 200
        if status == 401:
            if key is not None:
                self.locks.add(client, now)
            challenge = [] if fault("challenge-missing") else [("WWW-Authenticate", "ApiKey")]
            if fault("wrong-key-differs") and key is not None:
                raise Refused(403)
            raise Refused(401, *challenge)
        if fault("lockout-forgotten-by-success"):
            self.locks.forget(client)
        if status == 403:
            raise Refused(403)

    def limit(self, connection, request):
        """Charges the client. Returns the fields that tell of its quota."""
        client = client_of(connection.peer, request)
        if fault("limiter-one-for-all"):
            client = ""
        elif fault("limiter-by-connection"):
            client = id(connection)
        elif fault("limiter-by-agent"):
            client = (client, request.one(b"user-agent"))
        elif fault("limiter-by-path"):
            client = (client, request.path, request.query)
        left, wait = self.limiter.take(client, time.monotonic())
        if fault("limiter-missing"):
            left = BURST
        fields = [
            ("RateLimit-Policy", f'"client";q={BURST};w={BURST // PER_SECOND}'),
            ("RateLimit", f'"client";r={max(0, left)};t={math.ceil(wait)}'),
        ]
        if left >= 0:
            return fields
        after = 0 if fault("retry-after-zero") else max(1, math.ceil(wait))
        if not fault("no-retry-after"):
            fields.append(("Retry-After", str(after)))
        raise Refused(429, *fields)

    async def ok(self, connection, request, body, kind="application/json", fields=()):
        head = [("Content-Type", kind), ("X-Request-Id", request_id(request)), *fields]
        await connection.send(request, 200, head, body, request.close or self.draining)

    async def options(self, connection, request, methods):
        if request.chunked or request.length:
            raise Bad
        head = [("Allow", allowed(methods)), ("X-Request-Id", request_id(request))]
        if request.one(PREFLIGHT) is not None:
            origin = request.one(b"origin")
            if origin is None or not allows(origin.decode("latin-1")):
                raise Refused(403)
            names = "X-API-Key, Content-Type"
            if fault("preflight-headers-mirrored"):
                names = (request.one(b"access-control-request-headers") or b"").decode("latin-1")
            head += [
                ("Access-Control-Allow-Methods", allowed(methods)),
                ("Access-Control-Allow-Headers", names),
            ]
        await connection.send(request, 204, head, b"", request.close or self.draining)

    async def health(self, connection, request):
        body = {"status": "ok"}
        if fault("host-forwarded"):
            body["host"] = (request.one(b"x-forwarded-host") or b"").decode("latin-1")
        await self.ok(connection, request, json.dumps(body).encode())

    async def ready(self, connection, request):
        if self.draining:
            raise Refused(503)
        await self.ok(connection, request, b'{"status":"ready"}')

    async def hello(self, connection, request):
        who = "guest" if hasattr(request, "guest") else "client"
        await self.ok(connection, request, json.dumps({"hello": who}).encode())

    async def limited(self, connection, request):
        fields = self.limit(connection, request)
        await self.ok(connection, request, b'{"limited":true}', fields=fields)

    async def echo(self, connection, request):
        await self.ok(connection, request, request.body, "application/octet-stream")

    async def panic(self, _connection, _request):
        raise RuntimeError("siege panic: password of the store is hunter2")

    async def panic_body(self, connection, request):
        head = [("Content-Type", "text/plain"), ("X-Request-Id", request_id(request)),
                ("Transfer-Encoding", "chunked")]
        data = encode(200, connection.head_of(request, 200, head, False))
        if request.method == b"HEAD":
            return await connection.write(data)
        await connection.write(data + b"5\r\nfirst\r\n")
        if fault("panic-body-ended-clean"):
            return await connection.write(b"0\r\n\r\n")
        connection.writer.transport.abort()
        raise ConnectionAbortedError

    async def slow(self, connection, request):
        values = parse_qs(request.query.decode("latin-1")).get("ms", ["0"])
        if not re.fullmatch(r"[0-9]{1,7}", values[0]):
            raise Refused(400)
        try:
            limit = None if fault("deadline-missing") else REQUEST_SECONDS
            await asyncio.wait_for(asyncio.sleep(int(values[0]) / 1000), limit)
        except TimeoutError:
            raise Refused(503, ("Retry-After", "1")) from None
        await self.ok(connection, request, b'{"slow":true}')

    async def large(self, connection, request):
        piece, count = b"a" * (64 << 10), 256
        head = [("Content-Type", "application/octet-stream"), ("X-Request-Id", request_id(request)),
                ("Content-Length", str(len(piece) * count))]
        close = request.close or self.draining
        await connection.write(encode(200, connection.head_of(request, 200, head, close)))
        for _ in range(0 if request.method == b"HEAD" else count):
            await connection.write(piece)

    async def drain(self, listener):
        """No new connection, none that idles, and an end to those that work."""
        self.draining = True
        listener.close()
        for task, connection in list(self.connections.items()):
            if not connection.busy or fault("stop-drops-requests"):
                task.cancel()
        _, late = await asyncio.wait([*self.connections, asyncio.create_task(asyncio.sleep(0))],
                                     timeout=DRAIN_SECONDS - 1)
        for task in late:
            task.cancel()
        await asyncio.sleep(0.05)


def status_of(key):
    """Whether a key opens: every digest is compared, each in constant time."""
    if fault("key-prefix-enough") and key.startswith(b"pys_valid_4f9c2b7d1e8a6053"):
        return 200
    if fault("revoked-still-valid") and key == b"pys_revoked_4f9c2b7d1e8a6053":
        return 200
    if len(key) > LONGEST_KEY:
        return 401
    if fault("key-case-ignored"):
        key = key.lower()
    digest, found = hashlib.sha256(key).digest(), 401
    for known, status in KEYS.items():
        if hmac.compare_digest(known, digest):
            found = status
    return found


def allowed(methods):
    names = [name.decode() for name in methods]
    return ", ".join([*names, *(["HEAD"] if "GET" in names else []), "OPTIONS"])


async def main(port):
    server, stop = Server(), asyncio.Event()
    longest = HEAD_BYTES * (100 if fault("head-unbounded", "target-unbounded") else 1)
    bound = socket.create_server(("127.0.0.1", port))
    # So many are accepted at once, before they are counted.
    listener = await asyncio.start_server(server.accept, sock=bound, limit=longest, backlog=4)
    bound.listen(1024)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    print(f"listening on http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    await server.drain(listener)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    rows = pathlib.Path(__file__).with_name("faults.txt").read_text().splitlines()
    parser.add_argument("--fault", choices=[row.split()[0] for row in rows if row])
    arguments = parser.parse_args()
    FAULT = arguments.fault
    asyncio.run(main(arguments.port))
