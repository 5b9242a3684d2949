//! Servers that start, listen, verify, stop and export, most of them as programs.

mod client_certs;
mod demo;
mod listeners;
mod otlp;
mod programs;
mod proxy_protocol;
mod shutdown;
mod signatures;
mod slow_readers;
mod tls;
mod unparsed;
