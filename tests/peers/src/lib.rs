//! The layers of others that are usual today, configured once: for the server that the siege attacks
//! (`peers composed`) and for the stacks that `portcullis-bench` measures.

pub mod key_check;
pub mod layers;
pub mod trace;
