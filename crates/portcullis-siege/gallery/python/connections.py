"""Connections."""

import asyncio
import contextlib
import fcntl
import html
import json
import struct
import termios

from answers import allows, encode, kept, request_id
from bodies import Bodies
from heads import Request, check_head, parse_field, parse_start
from planted import (
    FIELDS, HEAD_BYTES, HEAD_SECONDS, HSTS_A_DAY, IDLE_SECONDS, ORIGIN, SECURE, TITLES, TRUSTED,
    WRITE_SECONDS, Bad, Refused, fault,
)


class Connection(Bodies):
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
            if fault("te-on-http10-kept-open"):
                idle = 1
            try:
                first = await asyncio.wait_for(self.reader.read(1), idle)
            except TimeoutError:
                return None
            if not first:
                return None
            # The limit of a head begins with its first byte.
            self.begun = first
        is_renewed = fault("header-timeout-missing", "header-line-renews", "blank-lines-skipped")
        is_awaited = fault("later-head-awaited") and self.served
        limit = None if is_renewed or is_awaited else HEAD_SECONDS
        try:
            async with asyncio.timeout(limit) as self.limit:
                return await self.parse_head()
        except TimeoutError:
            raise Bad(408) from None

    def renew(self):
        if fault("header-line-renews", "blank-lines-skipped"):
            self.limit.reschedule(asyncio.get_running_loop().time() + HEAD_SECONDS)

    async def parse_head(self):
        self.renew()
        start = await self.line()
        while fault("blank-lines-skipped") and not start:
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
        if fault("options-bare") and request and request.method == b"OPTIONS":
            head = list(fields)
        if fault("timing-told"):
            head.append(("Server-Timing", 'db;desc="postgres";dur=1.2'))
        if fault("hsts-a-day") and request and request.one(b"x-forwarded-proto") == b"https" \
                and self.peer == TRUSTED:
            head.append(HSTS_A_DAY)
        if fault("headers-twice"):
            head.append(("X-Content-Type-Options", "nosniff"))
        if fault("policies-twice"):
            head += [("Content-Security-Policy", "script-src 'none'"), ("Referrer-Policy", "no-referrer")]
        if fault("server-named"):
            head.append(("Server", "asyncio/3.11"))
        if fault("hsts-on-http"):
            head.append(("Strict-Transport-Security", "max-age=31536000"))
        if status == 401 and fault("refusals-cached"):
            names.add("cache-control")
            head.append(("Cache-Control", "public, max-age=300"))
        if status == 200 and request and not names & {"cache-control"}:
            head += kept(request)
            names = {name.lower() for name, _ in head}
        if "cache-control" not in names and not fault("errors-stored"):
            head.append(("Cache-Control", "no-store"))
        if not fault("vary-missing", "one-origin-for-all"):
            head.append(("Vary", "Origin"))
        origin = request.one(b"origin") if request else None
        origin = origin.decode("latin-1") if origin is not None else None
        if fault("one-origin-for-all"):
            origin = ORIGIN
        if allows(origin):
            head.append(("Access-Control-Allow-Origin", origin))
        elif fault("cors-with-cookie") and origin and request.one(b"cookie"):
            head += [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
        if close:
            head.append(("Connection", "close"))
        return head

    async def write(self, data):
        self.writer.write(data)
        limit = None if fault("write-timeout-missing") else WRITE_SECONDS
        if fault("write-timeout-renewed"):
            return await self.write_on()
        try:
            await asyncio.wait_for(self.writer.drain(), limit)
        except TimeoutError:
            self.writer.transport.abort()
            raise

    async def write_on(self):
        """Waits as long as the system says that something leaves."""
        stream, queued = self.writer.get_extra_info("socket"), None
        while True:
            try:
                return await asyncio.wait_for(asyncio.shield(self.writer.drain()), WRITE_SECONDS)
            except TimeoutError:
                left = struct.unpack("i", fcntl.ioctl(stream, termios.TIOCOUTQ, bytes(4)))[0]
                if left == queued:
                    self.writer.transport.abort()
                    raise
                queued = left

    async def refuse(self, request, refused, detail=None):
        await self.problem(request, refused.status, refused.fields, True, detail)
        await self.linger()

    async def problem(self, request, status, fields, close, detail=None):
        """An error as RFC 9457 has it, without a word of what is inside."""
        if detail and fault("html-traceback"):
            head = [("Content-Type", "text/html"), ("X-Request-Id", request_id(request)), *fields]
            page = f"<pre>{html.escape(detail, quote=False)}</pre>".encode()
            return await self.send(request, status, head, page, close)
        identity = request_id(request)
        problem = {
            "type": "about:blank", "title": TITLES[status], "status": status, "request_id": identity,
        }
        if fault("problem-without-id"):
            del problem["request_id"]
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

