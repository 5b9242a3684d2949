mod collectors;
mod memory;
mod stops;
mod table;
