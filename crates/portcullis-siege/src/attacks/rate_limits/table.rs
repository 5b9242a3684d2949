//! H: rate limits.

use crate::catalogue::attacks;

attacks! {
    H01 Must High Quick super::admits_its_quota [Limited Sources] ["LIM-1"] ["API4"] ["2.4.1"] "GCRA; RFC 6585 4"
        "a burst, then a steady rate above the quota"
        => "never more than the quota, and at least 99 % of it"
        => "RateLimitLayer"
    H02 Must High Quick super::race [Limited Sources] ["LIM-1"] ["API4"] ["15.4.1"] "CWE-362"
        "one client on 64 connections at once"
        => "never more than the quota"
        => "RateLimitLayer: one state for each client, changed atomically"
    H03 Must Medium Quick super::both_protocols [Limited Sources Http2] ["LIM-1"] ["API4"] ["2.4.1"] "RFC 9110 3.1"
        "one client over HTTP/1 and HTTP/2"
        => "one quota"
        => "RateLimitLayer: the key is the client"
    H04 Must Low Quick super::answer [Limited Sources] ["LIM-1" "ERR-2"] ["API4"] ["2.4.1"] "RFC 6585 4; draft-ietf-httpapi-ratelimit-headers-10"
        "a request beyond the quota"
        => "429 with Retry-After of 1 or more, RateLimit fields, problem+json, no-store"
        => "RateLimitLayer"
    H05 Must Medium Quick super::retry_after [Limited Sources] ["LIM-1"] ["API4"] ["2.4.1"] "RFC 9110 10.2.3"
        "a client that waits for Retry-After"
        => "it is served"
        => "RateLimitLayer: rounded up"
    H06 Should Low Quick super::remaining [Limited Sources] ["LIM-1"] ["API4"] ["2.4.1"] "draft-ietf-httpapi-ratelimit-headers-10 4"
        "the fields of a whole burst"
        => "r never rises without time, t is never beyond w"
        => "RateLimitLayer"
    H14 Must Low Quick super::probes [Health Sources] ["LIM-1" "OBS-6"] ["API4"] ["2.4.1"] "field practice: probes spend no quota"
        "many probes from one address"
        => "never 429"
        => "Edge: health above the rate limit"
}
