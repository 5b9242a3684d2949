"""What answers are made of."""

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
