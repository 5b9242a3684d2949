"""What is planted, and what all modules share."""

import argparse
import hashlib
import itertools
import pathlib
import re

HOSTS = {b"127.0.0.1", b"localhost"}
ORIGIN = "https://good.com"
TRUSTED = "127.0.0.100"
EXPIRED = b"pys_expired_4f9c2b7d1e8a6053"
VALID, OTHER = b"pys_valid_4f9c2b7d1e8a6053", b"pys_other_9b3e6a1c7d20f548"
KEYS = {
    hashlib.sha256(VALID).digest(): 200,
    hashlib.sha256(OTHER).digest(): 200,
    hashlib.sha256(b"pys_revoked_4f9c2b7d1e8a6053").digest(): 401,
    hashlib.sha256(EXPIRED).digest(): 401,
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
    200: "OK", 204: "No Content", 206: "Partial Content", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 412: "Precondition Failed", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed", 422: "Unprocessable Content",
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
HSTS_A_DAY = ("Strict-Transport-Security", "max-age=86400")
COUNTER = itertools.count(1)


def parse_arguments():
    parser = argparse.ArgumentParser(description="A right server, and with --fault one thing wrong.")
    parser.add_argument("--port", type=int, default=0)
    beside = map(pathlib.Path(__file__).with_name, ("faults.txt", "lawful.txt"))
    rows = [row for file in beside for row in file.read_text().splitlines()]
    parser.add_argument("--fault", choices=[row.split()[0] for row in rows if row])
    return parser.parse_args()


ARGUMENTS = parse_arguments()
FAULT = ARGUMENTS.fault


def fault(*names):
    """Whether one of these is planted."""
    return FAULT in names


class Refused(Exception):
    """An answer in place of what was wanted."""

    def __init__(self, status, *fields, close=False, detail=None):
        super().__init__(status)
        self.status, self.fields, self.close, self.detail = status, list(fields), close, detail


class Bad(Refused):
    """A message that can't be believed: the connection ends with the answer."""

    def __init__(self, status=400):
        super().__init__(status, close=True)
