//! Connections to the server: raw bytes where a library would be too polite, hyper for the rest.

mod answer;
mod ask;
mod client;
mod frames;
mod hpack;
mod raw;
mod sources;

pub(crate) use answer::{Answer, contains};
pub(crate) use ask::Ask;
pub(crate) use client::Client;
pub(crate) use frames::{Frames, Kind, frame};
pub(crate) use hpack::{encode, indexed_literal};
pub(crate) use raw::{Exchange, Raw, head_of};
pub(crate) use sources::Sources;
