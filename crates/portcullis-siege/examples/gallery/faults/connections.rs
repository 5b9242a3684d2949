//! What is wrong with how long a connection may take, and how many there may be.

use super::{Fault, Row};

faults! {
    HeaderTimeout "header-timeout-missing" B01 "a head may take for ever"
    FirstByteTimeout "first-byte-timeout-missing" B02 "the first byte may take for ever"
    BodyTimeout "body-timeout-missing" B03 "a body may take for ever"
    WriteTimeout "write-timeout-missing" B04 "a write may take for ever"
    IdleTimeout "idle-timeout-missing" B05 "a connection may idle for ever"
    H2IdleTimeout "h2-idle-timeout-missing" B06 "an HTTP/2 connection may idle for ever"
    ConnectionsUnbounded "connections-unbounded" B07 "any number of connections"
    ClientConnections "client-connections-unbounded" B08 "any number of connections from one address"
    AcceptSpins "accept-spins" B11 "a busy loop when it can't accept"
    PrefaceAwaited "preface-awaited" B13 "the version may be in doubt for ever"
    PrefaceRenews "preface-byte-renews" B13 "each byte of the preface renews the limit"
    LineRenews "header-line-renews" B14 "each line of a head renews the limit"
    BlankLineRenews "blank-line-renews" B15 "each blank line renews the limit"
    ReadRenews "write-timeout-renewed" B16 "who reads a little has another ten seconds"
    ChunksWeigh "chunks-weigh" B17 "a chunk costs as much time as a body"
    TrailersAwaited "trailers-awaited" B18 "trailers may take for ever"
    TrailerRenews "trailer-line-renews" B18 "each line of trailers renews the limit"
}
