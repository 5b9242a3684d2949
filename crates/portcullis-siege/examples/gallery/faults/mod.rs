//! The faults, as one table: an id, the attack that finds it, what is wrong. A file for each group of
//! attacks.

macro_rules! faults {
    ($($name:ident $id:literal $attack:ident $what:literal)*) => {
        #[expect(non_upper_case_globals, reason = "used like the variants of an enum")]
        impl Fault {
            $(pub(crate) const $name: Self = Self($id);)*
        }

        pub(super) const FAULTS: &[Row] = &[
            $((Fault::$name, $id, stringify!($attack), $what),)*
        ];
    };
}

mod api_keys;
mod client_ip;
mod connections;
mod failures;
mod framing;
mod headers;
mod http2;
mod overload;
mod rate_limits;
mod signatures;
mod telemetry;
mod tokens;

/// What is wrong with a server. `None` is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fault(&'static str);

/// A fault with its id, the attack that finds it, and what is wrong.
pub(crate) type Row = (Fault, &'static str, &'static str, &'static str);

/// Every fault.
pub(crate) fn all() -> impl Iterator<Item = Row> {
    ALL.iter().copied().flatten().copied()
}

impl Fault {
    #[expect(non_upper_case_globals, reason = "used like the variants of an enum")]
    pub(crate) const None: Self = Self("none");

    /// Returns the fault of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let found = all().find(|(_, known, ..)| *known == name);
        found.map(|(fault, ..)| fault)
    }

    /// Returns the letter of the group that finds it; `-` of none.
    pub(crate) fn group(self) -> char {
        let found = all().find(|(known, ..)| *known == self);
        found
            .and_then(|(_, _, attack, _)| attack.chars().next())
            .unwrap_or('-')
    }
}

const ALL: [&[Row]; 12] = [
    framing::FAULTS,
    connections::FAULTS,
    http2::FAULTS,
    client_ip::FAULTS,
    api_keys::FAULTS,
    tokens::FAULTS,
    signatures::FAULTS,
    rate_limits::FAULTS,
    telemetry::FAULTS,
    failures::FAULTS,
    headers::FAULTS,
    overload::FAULTS,
];
