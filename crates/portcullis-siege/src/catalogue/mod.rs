//! The catalogue: every attack and every line of the checklist, as data.

mod attack;
mod checklist;
mod table;

pub(crate) use attack::Pace;
pub use attack::{Attack, Group, Level, Need};
pub use checklist::{CHECKLIST, Line};
pub use table::{CATALOGUE, ELSEWHERE};
