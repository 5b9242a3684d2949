"""Connections."""

import asyncio
import contextlib
import json

from answers import allows, encode, request_id
from heads import Request, check_head, parse_field, parse_start
from planted import (
    BODY_BYTES, BODY_SECONDS, CHUNK, FIELDS, HEAD_BYTES, HEAD_SECONDS, IDLE_SECONDS, SECURE, TITLES,
    WRITE_SECONDS, Bad, Refused, fault,
)


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

