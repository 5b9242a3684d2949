//! The edge around an application, in this process.

mod architecture;
mod body_limit;
mod charges;
mod contract;
mod decoding;
mod edge_config;
mod ends;
mod guards;
mod hygiene;
mod limits;
mod matrix;
mod names;
mod order;
mod own_paths;
mod panics;
mod paths;
mod peers;
mod presence;
mod readme;
mod readme_examples;
mod refusals;
mod slots;
mod spoofing;
mod state;
mod streams;
mod vitals;
