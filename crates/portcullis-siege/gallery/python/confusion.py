"""What the check of keys looks at, and what the router looks at: the same, unless a fault is planted."""

import posixpath
import re
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from planted import PREFLIGHT, fault

# With these the check knows exact paths only, and what it does not know is public.
EXACT = (
    "slashes-merged-late", "dots-resolved-late", "parameters-cut-late", "unquoted-twice-late",
    "nul-cut-late", "case-folded-late", "unknown-told", "suffix-ignored",
)


def checked_path(request):
    """The path whose protection is looked up."""
    if fault("original-url-checked"):
        return request.one(b"x-original-url") or request.path
    if fault("public-by-prefix") and request.path.startswith(b"/health"):
        return b"/health"
    if fault("suffix-ignored"):
        return routed_path(request)
    return request.path


def routed_path(request):
    """The path whose handler runs."""
    path = request.path
    if fault("slashes-merged-late"):
        return re.sub(rb"/+", b"/", path)
    if fault("dots-resolved-late", "public-by-prefix"):
        return posixpath.normpath(path)
    if fault("parameters-cut-late"):
        # What urlparse() calls params.
        return path.split(b";")[0]
    if fault("unquoted-twice-late"):
        return unquote_to_bytes(unquote_to_bytes(path))
    if fault("nul-cut-late"):
        return unquote_to_bytes(path).split(b"\0")[0]
    if fault("case-folded-late"):
        return path.lower()
    if fault("suffix-ignored"):
        return re.sub(rb"^(/api/[a-z]+)/.*\.(css|js|png)$", rb"\1", path)
    if fault("admin-encoded-unchecked"):
        return unquote_to_bytes(path)
    if fault("own-suffix-kept"):
        return re.sub(rb"^(/api/own)/.*\.css$", rb"\1", path)
    if fault("limiter-by-slash") and path.startswith(b"/api/"):
        return path.rstrip(b"/")
    if fault("limiter-by-case"):
        return path.lower()
    return path


def served_method(request):
    """The method whose handler runs, HEAD being GET."""
    method = request.method
    if fault("method-override-late"):
        method = request.one(b"x-http-method-override") or method
    elif fault("method-parameter-late"):
        method = parse_qs(request.query).get(b"_method", [method])[0].upper()
    elif fault("limiter-by-method") and method == b"POST":
        method = b"GET"
    return b"GET" if method == b"HEAD" else method


def is_exempt(request):
    """Whether no key is needed, whatever the path is."""
    if request.method == b"OPTIONS":
        is_lenient = fault("method-override-late", "method-parameter-late")
        return is_lenient or request.one(PREFLIGHT) is not None
    if fault("local-forwarded-trusted"):
        return request.one(b"x-forwarded-for") in (b"127.0.0.1", b"::1")
    if fault("local-guest-trusted") and request.one(b"x-forwarded-for") == b"127.0.0.1":
        request.guest = True
        return True
    if fault("forwarded-localhost-trusted"):
        return b"localhost" in (request.one(b"forwarded") or b"")
    if fault("metrics-any-bearer") and request.path == b"/metrics":
        return (request.one(b"authorization") or b"").startswith(b"Bearer ")
    if fault("referer-trusted"):
        return (request.one(b"referer") or b"").startswith(b"http://127.0.0.1")
    if fault("remote-user-believed"):
        return bool(request.one(b"x-remote-user"))
    return False


def redirect_of(request):
    """Where a request is sent to instead, if anywhere."""
    path = request.path
    if fault("slash-redirect-unquoted") and len(path) > 1 and path.endswith(b"/"):
        return unquote_to_bytes(path.rstrip(b"/"))
    if fault("slash-redirect-open") and len(path) > 1 and path.endswith(b"/"):
        return path[:-1]
    if fault("next-open"):
        wanted = parse_qs(request.query).get(b"next", [b""])[0]
        if wanted and not urlsplit(wanted).scheme:
            return wanted
    if fault("next-unquoted"):
        wanted = parse_qs(request.query).get(b"next", [b""])[0]
        return wanted if wanted.startswith(b"/") and not wanted.startswith(b"//") else None
    return None
