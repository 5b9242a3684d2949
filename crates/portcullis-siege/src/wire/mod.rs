//! Connections to the server: raw bytes where a library would be too polite, hyper for the rest.

mod answer;
mod client;
mod frame;
mod frames;
mod hpack;
mod raw;
mod request;
mod sources;

pub(crate) use answer::{Answer, contains, in_words};
pub(crate) use client::Client;
pub(crate) use frame::{FrameType, frame};
pub(crate) use frames::{Frames, Seen};
pub(crate) use hpack::{encode, indexed_literal};
pub(crate) use raw::{Exchange, Raw, head_of, host_and_port};
pub(crate) use request::Request;
pub(crate) use sources::Sources;
