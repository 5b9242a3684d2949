"""Heads: strictly parsed, what is ambiguous is refused."""

import contextlib
import re

from planted import (
    ABSOLUTE, AUTHORITY, HOSTS, LONGEST_TARGET, SINGLE, TARGET, TOKEN, VALUE, Bad, fault,
)


class Request:
    """A head whose framing is beyond doubt."""

    def __init__(self, method, target, version, fields):
        self.method, self.version, self.fields = method, version, fields
        self.path, _, self.query = target.partition(b"?")
        self.is_other, self.chunked = False, False
        self.length, self.close = 0, version != b"HTTP/1.1"

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
    if fault("underscores-are-dashes"):
        name = name.replace(b"_", b"-")
    return name.lower(), value


def parse_start(line):
    parts = line.split(b" ")
    if fault("version-optional") and len(parts) == 2:
        parts.append(b"HTTP/1.0")
    if len(parts) != 3:
        raise Bad
    method, target, version = parts
    if fault("version-case-ignored"):
        version = version.upper()
    elif fault("version-prefix-enough") and version.startswith(b"HTTP/1.1"):
        version = b"HTTP/1.1"
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
        if not fault("absolute-host-unchecked"):
            check_authority(absolute[1])
        if fault("absolute-host-unchecked"):
            pass
        elif absolute[1].lower() != (request.one(b"host") or b"").lower():
            raise Bad
        target = absolute[2] or b"/"
        request.path, _, request.query = target.partition(b"?")
    if not TARGET.fullmatch(target):
        raise Bad


def check_framing(request, first):
    """How long the body is: exactly one thing may tell it."""
    lengths, codings = request.all(b"content-length"), request.all(b"transfer-encoding")
    if codings and request.version != b"HTTP/1.1":
        if not fault("te-on-http10-kept-open"):
            raise Bad
        request.close = False
    if codings and lengths:
        if fault("cl-te-kept-open") or fault("lengths-checked-once") and not first:
            lengths = []
        elif fault("te-cl-kept-open"):
            codings = []
        else:
            raise Bad
    if fault("coding-parameters-cut"):
        codings = [coding.split(b";")[0].strip() for coding in codings]
    if fault("chunked-twice") and codings == [b"chunked, chunked"]:
        codings = [b"chunked"]
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
    if fault("length-as-int-reads") and re.fullmatch(rb"[0-9_]+", lengths[0]):
        return int(lengths[0])
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
    if not first and fault("host-checked-once"):
        pass
    elif host is not None:
        check_authority(host)
    elif not fault("host-missing-served"):
        raise Bad
    check_target(request, target)
    check_framing(request, first)
    options = b",".join(request.all(b"connection")).lower()
    if b"close" in [option.strip() for option in options.split(b",")]:
        request.close = True
