mod collectors;
mod memory;
mod spans;
mod stops;
mod table;
