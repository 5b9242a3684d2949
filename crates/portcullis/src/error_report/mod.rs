//! x
mod observer;
mod report;
mod reporter;
#[cfg(test)]
mod tests;

pub use self::{
    observer::ErrorReports,
    report::{ErrorKind, ErrorReport},
};
