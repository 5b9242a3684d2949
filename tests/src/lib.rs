//! What the end to end tests share.

pub mod demo;
pub mod net;
pub mod program;
pub mod proxies;
pub mod redis;
pub mod reports;
pub mod sieges;

/// The README's code, so that it is tested.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
