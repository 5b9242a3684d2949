//! The catalogue: every attack and every line of the checklist, as data.

mod attack;
mod checklist;
mod elsewhere;
mod level;
mod table;

pub(crate) use self::{attack::Pace, table::attacks};
pub use self::{
    attack::{Attack, Group, Need},
    checklist::{CHECKLIST, Line},
    elsewhere::ELSEWHERE,
    level::{Level, Severity},
    table::CATALOGUE,
};
