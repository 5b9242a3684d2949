//! What is wrong with who the client is.

use super::{Fault, Row};

faults! {
    ForwardedAnyone "forwarded-from-anyone" D01 "X-Forwarded-For is believed from every peer"
    ForwardedLeftmost "forwarded-leftmost" D02 "the leftmost address is the client"
    ForwardedFirstLine "forwarded-first-line" D03 "only the first line is read"
    ForwardedLastHop "forwarded-last-hop" D04 "the last entry is the client, though it is a proxy"
    ForwardedFamilies "forwarded-families-mixed" D05 "X-Real-IP and its kind are believed"
    ForwardedGarbage "forwarded-garbage-believed" D06 "what is no address is a client too"
    AddressForms "address-forms-differ" D07 "each form of an address is another client"
    Ipv6ByAddress "ipv6-by-address" D08 "each IPv6 address is another client"
    ForwardedAroundProxy "forwarded-around-proxy" D10 "X-Forwarded-For is believed from every peer"
}
