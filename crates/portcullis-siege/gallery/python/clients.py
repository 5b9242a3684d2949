"""Who a client is, what it may do, and how much of it."""

import hashlib
import hmac
import ipaddress
import math
from urllib.parse import unquote_to_bytes

from planted import (
    BURST, KEYS, LOCK_AFTER, LOCK_SECONDS, LONGEST_KEY, PER_SECOND, TRUSTED, fault,
)


class Buckets:
    """A token bucket for each client: full ones are forgotten."""

    def __init__(self):
        self.states = {}

    def take(self, client, now):
        """Returns the tokens that are left, or -1, and the seconds until there is another one."""
        if len(self.states) > 10_000 and not fault("limiter-fixed-window"):
            self.states = {
                key: (left, at) for key, (left, at) in self.states.items()
                if left + (now - at) * PER_SECOND < BURST
            }
        burst = BURST + 1 if fault("limiter-one-more") else BURST
        if fault("limiter-fixed-window"):
            return self.take_of_window(client, now)
        left, at = self.states.get(client, (burst, now))
        left = min(burst, left + (now - at) * PER_SECOND)
        took = left >= 1
        left -= took
        self.states[client] = (left, now)
        return (int(left) if took else -1), max(0, (1 - left) / PER_SECOND)

    def take_of_window(self, client, now):
        """So many in each window of the clock."""
        window = int(now / (BURST / PER_SECOND))
        count, of = self.states.get(client, (0, window))
        count = count + 1 if of == window else 1
        self.states[client] = (count, window)
        wait = (window + 1) * (BURST / PER_SECOND) - now
        return (BURST - count if count <= BURST else -1), wait


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


def status_of(key):
    """Whether a key opens: every digest is compared, each in constant time."""
    if fault("key-prefix-enough") and key.startswith(b"pys_valid_4f9c2b7d1e8a6053"):
        return 200
    if fault("revoked-still-valid") and key == b"pys_revoked_4f9c2b7d1e8a6053":
        return 200
    if len(key) > LONGEST_KEY:
        return 401
    if fault("key-unquoted"):
        key = key.strip(b"\"'")
    if fault("key-percent-decoded"):
        key = unquote_to_bytes(key)
    if fault("key-case-ignored"):
        key = key.lower()
    digest, found = hashlib.sha256(key).digest(), 401
    for known, status in KEYS.items():
        if hmac.compare_digest(known, digest):
            found = status
    return found
