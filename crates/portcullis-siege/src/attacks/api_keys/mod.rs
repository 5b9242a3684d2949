//! E: API keys.

use crate::{
    context::{Context, route},
    verdict::Failure,
};

mod bypass;
mod door;
mod empty;
mod existence;
mod form;
mod guesses;
mod lockout;
mod objects;
mod odd;
mod paths;
mod places;
mod ranks;
mod refusals;
mod refused;
mod roles;
mod store;
mod table;
mod timing;
mod trust;
mod writes;
mod wrong;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    bypass::{bypass, upgrades},
    empty::no_key_at_all,
    existence::existence,
    guesses::brute_force,
    lockout::lockout,
    objects::{not_allowed, of_another},
    odd::{monstrous_keys, two_keys, wrong_place},
    paths::{from_public, slashes, spellings, suffixes},
    places::{other_forms, other_parameters},
    refusals::{same_heads, same_heads_of_dead, same_heads_of_known},
    roles::named_roles,
    store::{dead_keys, flip, store_down},
    timing::timing,
    trust::{identities, local_addresses, overrides, rewrites, underscores},
    writes::written_by_another,
    wrong::{near_misses, no_key, wrong_key, wrong_secret},
};

fn protected(context: &Context) -> Result<&str, Failure> {
    route(&context.profile.routes.protected)
}

fn key(context: &Context) -> Result<&str, Failure> {
    let key = context
        .profile
        .keys
        .valid
        .as_deref()
        .filter(|key| key.len() >= 4);
    key.ok_or_else(|| Failure::not_tested("the valid key is too short to change"))
}
