//! What is wrong with signatures.

use super::{Fault, Row};

faults! {
    LabelFixed "signature-label-fixed" G01 "the label must be sig1"
    BodyUnread "signature-body-unread" G02 "the digest is covered, and the body is not looked at"
    DigestMissing "signature-digest-missing" G03 "a body without a digest is fine"
    DigestUncovered "signature-digest-uncovered" G04 "the digest is right, and need not be covered"
    QueryUnread "signature-query-unread" G05 "the query of the request is not looked at"
    CreatedUnread "signature-created-unread" G06 "a signature may be of any age"
    ExpiresUnread "signature-expires-unread" G06 "expires is not looked at"
    NonceUnread "signature-nonce-unread" G07 "a nonce may be used again"
    NonceOptional "signature-nonce-optional" G07 "no nonce is fine"
    NonceRace "signature-nonce-race" G07 "it looks for the nonce, then notes it"
    NonceBurned "signature-nonce-burned" G08 "a nonce is noted before the signature is verified"
    FirstLabel "signature-first-label" G09 "the first of several signatures is believed"
    ComponentTwice "signature-component-twice" G09 "a component may be there twice"
    SealAlgUnread "signature-alg-unread" G09 "alg is not looked at"
    KeyIdUnread "signature-keyid-unread" G09 "keyid is not looked at"
    FirstLineOnly "signature-first-line" G10 "only the first line of a field is covered"
    ComponentCase "signature-component-case" G11 "names of components have no case"
    ChunksUnread "signature-chunks-unread" G12 "the digest of chunks is not computed"
}
