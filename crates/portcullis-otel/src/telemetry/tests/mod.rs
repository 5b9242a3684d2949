mod collectors;
mod logs;
mod memory;
mod spans;
mod stops;
mod table;
