//! What the siege does not see, and who does.

/// What belongs to the catalogue and can't be seen from outside: the attack, what is not tested, and where
/// `portcullis` tests it. An attack that has more than that is in [`CATALOGUE`](super::CATALOGUE) too.
pub const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "F08",
        "how often the issuer's keys are fetched for unknown ids",
        "the tests of `portcullis::jwt::jwks`, which are the issuer",
    ),
    (
        "F15",
        "an issuer whose keys are gone, slow, 10 MB, or somewhere else",
        "the tests of `portcullis::jwt::jwks`, which are the issuer",
    ),
    (
        "G07",
        "a nonce at several instances that share Redis",
        "the tests of `portcullis-redis`",
    ),
    (
        "G08",
        "a million nonces in bounded memory: with a right key they fill the store for minutes",
        "the tests of `portcullis::signature`",
    ),
];
