//! One script for each attack that finds a stock server breached: whether the harm is seen.

use crate::server::Server;

/// Whether a server does harm.
pub(crate) type Script = fn(&Server) -> bool;

/// Every attack that has a script.
pub(crate) const SCRIPTS: &[(&str, Script)] = &[
    ("A01", two_lengths),
    ("A02", two_lengths_of_a_chunk),
    ("A05", wrong_lengths),
    ("A06", chunks_before_http11),
    ("A07", a_wrapped_chunk),
    ("A09", a_return_in_chunk_lines),
    ("A11", no_host),
    ("A12", two_hosts),
    ("A13", an_invalid_host),
    ("A17", a_space_before_a_colon),
    ("A22", a_refusal_of_trace),
    ("A23", a_tunnel_with_a_length),
    ("A34", two_lengths_later),
    ("A38", chunks_without_their_ends),
    ("J16", paths_in_an_error),
];

/// "Regardless, the server MUST close the connection after responding to such a request" (RFC 9112, 6.1):
/// the request behind it is served. By its length the first one ends before the chunk's last line, so that
/// a proxy that goes by the length has passed on the other as a part of it.
pub(crate) fn two_lengths(server: &Server) -> bool {
    server.send(&[TWO_LENGTHS, HIDDEN]).served() > 1
}

/// The same, of a request whose chunk has data and whose length is that of the chunk's first line.
pub(crate) fn two_lengths_of_a_chunk(server: &Server) -> bool {
    let head =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answers = server.send(&[head, "5\r\nhello\r\n0\r\n\r\n", HIDDEN]);
    answers.served() > 1
}

/// The same, in the second request of a connection.
pub(crate) fn two_lengths_later(server: &Server) -> bool {
    server.send(&[HIDDEN, TWO_LENGTHS, HIDDEN]).served() > 2
}

/// "The server MUST respond with a 400" to a length that is none (RFC 9112, 6.3), and "MUST anticipate
/// potentially large decimal numerals and prevent parsing errors due to integer conversion overflows"
/// (RFC 9110, 8.6): one of 2^64 + 2 bytes takes two, and what follows is served.
pub(crate) fn wrong_lengths(server: &Server) -> bool {
    let with = |length: &str, body: &str| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        server.send(&[&head, HIDDEN]).served()
    };
    let is_none = ["+2", "-1", "0x2", "2, 3", "2;"];
    is_none.iter().any(|length| with(length, "ab") > 0) || with("18446744073709551618", "@@") > 1
}

/// "MUST treat the message as if the framing is faulty [..] and close the connection after processing the
/// message" (RFC 9112, 6.1): what follows is answered on the same connection.
pub(crate) fn chunks_before_http11(server: &Server) -> bool {
    let head = "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answers = server.send(&[head, "0\r\n\r\n", HIDDEN]);
    answers.statuses().len() > 1
}

/// A size of 2^64 + 3 takes three bytes (RFC 9112, 7.1), and what follows is served.
pub(crate) fn a_wrapped_chunk(server: &Server) -> bool {
    goes_on_after(server, "10000000000000003\r\nabc\r\n0\r\n\r\n")
}

/// "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP"
/// (RFC 9112, 2.2): here it ends a line with the byte behind it. Node 18 takes it so.
pub(crate) fn a_return_in_chunk_lines(server: &Server) -> bool {
    let chunks = [
        "3\rXabc\r\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\rX\r\n\r\n",
    ];
    chunks.iter().any(|chunks| goes_on_after(server, chunks))
}

/// The data of a chunk ends with CRLF (RFC 9112, 7.1), and here with other bytes. Node 18 takes them.
pub(crate) fn chunks_without_their_ends(server: &Server) -> bool {
    let ends = ["XX", "", "\rX", "\r"];
    ends.iter()
        .any(|end| goes_on_after(server, &format!("3\r\nabc{end}0\r\n\r\n")))
}

/// Whether what stands behind these chunks is served.
pub(crate) fn goes_on_after(server: &Server, chunks: &str) -> bool {
    let path = server.body;
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    server.send(&[&head, chunks, HIDDEN]).served() > 1
}

/// "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a
/// Host header field" (RFC 9112, 3.2).
pub(crate) fn no_host(server: &Server) -> bool {
    server.send(&["GET / HTTP/1.1\r\n\r\n"]).served() > 0
}

/// "and to any request message that contains more than one Host header field line" (RFC 9112, 3.2).
pub(crate) fn two_hosts(server: &Server) -> bool {
    let with = |second| {
        let lines = format!("GET / HTTP/1.1\r\nHost: a\r\nHost: {second}\r\n\r\n");
        server.send(&[&lines]).served()
    };
    with("a") > 0 || with("b") > 0
}

/// "or a Host header field with an invalid field value" (RFC 9112, 3.2), which has one port at most
/// (RFC 9110, 7.2) and neither userinfo nor spaces.
pub(crate) fn an_invalid_host(server: &Server) -> bool {
    let invalid = ["a:80:80", "user@a", "a b", "a/b"];
    invalid.iter().any(|host| is_host(server, host))
}

/// Whether a request with this host is served.
pub(crate) fn is_host(server: &Server, host: &str) -> bool {
    let lines = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    server.send(&[&lines]).served() > 0
}

/// "A server MUST reject, with a response status code of 400 (Bad Request), any received request message
/// that contains whitespace between a header field name and colon" (RFC 9112, 5.1).
pub(crate) fn a_space_before_a_colon(server: &Server) -> bool {
    let with = |line| {
        let lines = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        server.send(&[&lines]).served()
    };
    with("X-Spaced : a") > 0 || with("Content-Length : 0") > 0
}

/// "The origin server MUST generate an Allow header field in a 405 response" (RFC 9110, 15.5.6).
pub(crate) fn a_refusal_of_trace(server: &Server) -> bool {
    let answers = server.send(&["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"]);
    answers.statuses() == [405] && !answers.has("allow")
}

/// "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx (Successful)
/// response to CONNECT" (RFC 9110, 9.3.6). The client has a tunnel by then: what it sends through it is
/// served as a request.
pub(crate) fn a_tunnel_with_a_length(server: &Server) -> bool {
    let connect = "CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n";
    let answers = server.send(&[connect, HIDDEN]);
    let has_length = answers.has("content-length") || answers.has("transfer-encoding");
    has_length && answers.served() > 1
}

/// An error tells where the server's files are.
pub(crate) fn paths_in_an_error(server: &Server) -> bool {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
        server.body
    );
    let answers = server.send(&[&head, "Content-Type: text/plain; charset=none\r\n\r\n{}"]);
    answers.text().contains("/node_modules/body-parser/")
}

const TWO_LENGTHS: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
     0\r\n\r\n";
const HIDDEN: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
