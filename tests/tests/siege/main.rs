//! Sieges: the library, the program, its reports, and what the documents say of them.

mod assault;
mod baseline;
mod reports;
mod siege_program;
