mod collectors;
mod stops;
mod table;
