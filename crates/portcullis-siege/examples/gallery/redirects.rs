//! Redirects, which only some faults have.

use crate::{
    app::App,
    faults::Fault,
    message::{Head, Response},
    routes::template,
};

impl App {
    /// To the path with a slash, or to a parameter.
    pub(crate) fn redirect(&self, head: &Head) -> Result<(), Response> {
        let to_slash = template(&head.path).is_empty() && !head.path.ends_with('/');
        let next = head.parameter("next");
        let location = match (self.fault, next) {
            (Fault::SlashUnescaped, _) if to_slash => inside(&decoded(&head.path)) + "/",
            (Fault::SlashOpen, _) if to_slash => format!("{}/", head.path),
            (Fault::NextUnescaped, Some(next)) => inside(&decoded(next)),
            (Fault::NextOpen, Some(next)) => next.to_owned(),
            _ => return Ok(()),
        };
        Err(Response::empty(301).with("location", &location))
    }
}

/// On this server, whatever it was.
fn inside(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or("").as_bytes().to_vec();
    for piece in pieces {
        let byte = piece.get(..2).map(|hex| u8::from_str_radix(hex, 16));
        match byte {
            Some(Ok(byte)) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            _ => bytes.extend_from_slice(piece.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
