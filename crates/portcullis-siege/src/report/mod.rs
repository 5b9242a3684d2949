//! What came of a siege, and the forms it is written in.

mod baseline;
mod data;
mod grade;
#[cfg(feature = "html")]
mod html;
mod json;
#[cfg(feature = "junit")]
mod junit;
#[cfg(feature = "markdown")]
mod markdown;
#[cfg(feature = "sarif")]
mod sarif;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod visible;

pub use baseline::{Baseline, Change, Changes};
pub use data::{Outcome, Report, Spent};
pub use grade::Grade;
pub use summary::{Count, LineVerdict};
