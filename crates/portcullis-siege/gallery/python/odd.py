"""What a server reads of a head beside what it must."""

import http.cookies
import traceback
from urllib.parse import unquote_to_bytes

from planted import Refused, fault


def read_head(request):
    if fault("path-bytes-traceback"):
        try:
            unquote_to_bytes(request.path).decode()
        except UnicodeDecodeError:
            raise Refused(400, detail=traceback.format_exc()) from None
    cookie = request.one(b"cookie")
    if fault("cookie-fails") and cookie is not None:
        jar = http.cookies.SimpleCookie()
        for pair in cookie.decode().split(";"):
            name, _, value = pair.strip().partition("=")
            jar[name] = value
