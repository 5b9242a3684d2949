//! The catalogue: the tables of the groups, one after the other.

use super::Attack;
use crate::attacks::{
    api_keys, client_ip, connections, failures, framing, headers, http2, overload, rate_limits,
    signatures, telemetry, tokens,
};

/// Writes the table of a group.
///
/// A row: id, level, severity, pace, function; what it needs; lines of the checklist; OWASP API Top 10;
/// ASVS 5; reference; what is sent; what a hardened server does; the fix.
macro_rules! attacks {
    ($(
        $id:ident $level:ident $severity:ident $pace:ident $($run:ident)::+
            [$($need:ident)*] [$($line:literal)*] [$($owasp:literal)*] [$($asvs:literal)*] $reference:literal
            $title:literal
            => $expects:literal
            => $fix:literal
    )*) => {
        /// The attacks of the group, in the order of their ids.
        pub(crate) const ATTACKS: &[$crate::Attack] = &[$($crate::Attack {
            id: stringify!($id),
            level: $crate::Level::$level,
            severity: $crate::Severity::$severity,
            title: $title,
            expects: $expects,
            lines: &[$($line),*],
            owasp: &[$($owasp),*],
            asvs: &[$($asvs),*],
            reference: $reference,
            fix: $fix,
            needs: &[$($crate::Need::$need),*],
            pace: $crate::catalogue::Pace::$pace,
            run: |context| Box::pin($($run)::+(context)),
        }),*];
    };
}

pub(crate) use attacks;

/// Every attack, in the order of its id. Group M has none yet.
pub const CATALOGUE: &[Attack] = &ALL;

const GROUPS: [&[Attack]; 12] = [
    framing::ATTACKS,
    connections::ATTACKS,
    http2::ATTACKS,
    client_ip::ATTACKS,
    api_keys::ATTACKS,
    tokens::ATTACKS,
    signatures::ATTACKS,
    rate_limits::ATTACKS,
    telemetry::ATTACKS,
    failures::ATTACKS,
    headers::ATTACKS,
    overload::ATTACKS,
];

static ALL: [Attack; count()] = {
    let mut all = [framing::ATTACKS[0]; count()];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            all[at] = GROUPS[group][row];
            (at, row) = (at + 1, row + 1);
        }
        group += 1;
    }
    all
};

const fn count() -> usize {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
}
