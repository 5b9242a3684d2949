"""What answers are made of."""

import re
import secrets

from planted import COUNTER, ORIGIN, TITLES, fault


def encode(status, head):
    lines = [f"HTTP/1.1 {status} {TITLES[status]}", *(f"{name}: {value}" for name, value in head)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def allows(origin):
    if origin is None:
        return False
    if fault("cors-suffix"):
        return origin.endswith("good.com")
    if fault("cors-dot-unescaped"):
        return re.fullmatch(ORIGIN, origin) is not None
    return origin == ORIGIN or fault("cors-mirrored")


def request_id(request):
    """A fresh one, always: what a client sends is its own affair."""
    if fault("id-reflected") and request and request.one(b"x-request-id"):
        return request.one(b"x-request-id").decode("latin-1")
    if fault("ids-sequential"):
        return f"{next(COUNTER):032x}"
    return secrets.token_hex(16)


def allowed(methods):
    names = [name.decode() for name in methods]
    return ", ".join([*names, *(["HEAD"] if "GET" in names else []), "OPTIONS"])


def kept(request):
    """Fields for caches: none, unless a fault is planted."""
    needs_key = request.one(b"x-api-key") is not None
    if fault("protected-public") and needs_key:
        return [("Cache-Control", "public, max-age=60")]
    if fault("protected-max-age") and needs_key:
        return [("Cache-Control", "max-age=300")]
    if fault("suffix-ignored") and re.search(rb"\.(css|js|png)$", request.path):
        return [("Cache-Control", "public, max-age=86400")]
    return []
