//! Who is let in: keys that change under load, stores that are down, secrets that are nowhere to be
//! seen, and a whole service.

mod canary;
mod circle;
mod down;
mod marketplace;
mod quotas;
mod rotation;
