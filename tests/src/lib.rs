//! What the end to end tests share.

pub mod clock;
pub mod demo;
pub mod net;
pub mod redis;
pub mod reports;
pub mod rotel;
pub mod sieges;

pub use servers::{program, proxies};

/// The README's code, so that it is tested.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

/// The same of the page on limits.
#[cfg(doctest)]
#[doc = include_str!("../../docs/limits.md")]
#[derive(Debug)]
pub struct Limits;

/// The same of the page on callers.
#[cfg(doctest)]
#[doc = include_str!("../../docs/callers.md")]
#[derive(Debug)]
pub struct Callers;
