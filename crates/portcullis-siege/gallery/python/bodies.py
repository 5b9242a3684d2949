"""Bodies, each read whole."""

import asyncio
import re
import zlib

from heads import parse_field
from planted import BODY_BYTES, BODY_SECONDS, CHUNK, FIELDS, Bad, fault


class Bodies:
    """What a connection reads behind a head."""

    async def body(self, request):
        """The whole body, or a refusal."""
        if fault("chunked-get-unread") and request.method == b"GET" and request.chunked:
            return b""
        if fault("get-body-unread") and request.method in (b"GET", b"DELETE"):
            return b""
        most = BODY_BYTES * (4 if fault("body-limit-four-times") else 1)
        if request.length > most and not fault("body-declared-unchecked"):
            raise Bad(413)
        expect = request.one(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            raise Bad(417)
        if expect is not None and (request.chunked or request.length):
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        limit = None if fault("body-timeout-missing", "body-read-renews") else BODY_SECONDS
        if fault("body-read-renews") and not request.chunked:
            return await self.pieces(request.length)
        try:
            async with asyncio.timeout(limit):
                if not request.chunked:
                    return await self.reader.readexactly(request.length)
                body = await self.chunks()
                if not fault("trailers-awaited"):
                    return await self.trailers(body)
            return await self.trailers(body)
        except TimeoutError:
            raise Bad(408) from None

    async def pieces(self, length):
        """As many bytes, each piece within its time."""
        body = b""
        while len(body) < length:
            try:
                piece = await asyncio.wait_for(self.reader.read(length - len(body)), BODY_SECONDS)
            except TimeoutError:
                raise Bad(408) from None
            if not piece:
                raise asyncio.IncompleteReadError(body, length)
            body += piece
        return body

    async def chunks(self):
        body, extensions, sizes = bytearray(), 0, []
        most = BODY_BYTES * (4 if fault("body-chunks-four-times") else 1)
        while True:
            line = await self.chunk_line()
            match, size = parse_size(line)
            unbounded = fault("chunk-extensions-unbounded")
            if len(line) > 256 and not unbounded:
                raise Bad
            extensions += len(line) - len(match[1])
            if extensions > 16 << 10 and not unbounded and not fault("short-extensions-uncounted"):
                raise Bad
            if len(body) + size > most and not fault("body-chunked-unchecked"):
                raise Bad(413)
            if size == 0:
                return bytes(body)
            body += await self.reader.readexactly(size)
            if fault("chunks-summed-anew"):
                sizes.append(size)
                if sum(sizes) > most or max(sizes) > most:
                    raise Bad(413)
            await self.end_chunk()

    async def end_chunk(self):
        if fault("chunk-end-skipped"):
            await self.reader.readexactly(2)
        elif await self.chunk_line():
            raise Bad

    async def trailers(self, body):
        """They are read, and not kept."""
        for _ in range(FIELDS):
            line = await self.chunk_line()
            if not line:
                return body
            field = parse_field(line)
            if fault("trailers-merged"):
                self.merged.fields.append(field)
        raise Bad(431)

    async def chunk_line(self):
        if fault("chunk-bare-lf"):
            return (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
        if fault("extension-bare-lf"):
            line = await self.reader.readuntil(b"\n")
            if b";" in line:
                return line.rstrip(b"\r\n")
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                raise Bad
            return line[:-2]
        return await self.line()


def parse_size(line):
    """A chunk's size, as a match of its digits and a number."""
    match = CHUNK.fullmatch(line)
    if fault("chunk-size-as-int-reads"):
        match = re.match(rb"([^;]*)", line)
    if not match:
        raise Bad
    try:
        return match, max(0, int(match[1], 16))
    except ValueError:
        raise Bad from None


def unpacked(body, codings):
    """A body without its codings: only with a fault is any known."""
    for coding in reversed(codings):
        if coding != (b"deflate" if fault("deflate-unbounded") else b"gzip"):
            raise Bad(415)
        unpacker = zlib.decompressobj(wbits=15 if fault("deflate-unbounded") else 31)
        most = 0
        if fault("unpacked-eightfold"):
            most = BODY_BYTES * 8
        body = unpacker.decompress(body, most)
        if unpacker.unconsumed_tail:
            raise Bad(413)
        if fault("codings-unpacked-unbounded") and coding == codings[0] and len(codings) == 1 \
                and len(body) > BODY_BYTES:
            raise Bad(413)
    return body
