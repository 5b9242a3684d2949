//! The deadline that an outgoing request carries.

use http::Extensions;
use portcullis_core::{Deadline, Facts};
use tokio::time::Instant;

/// Returns the time by which the call must have ended: of the request's [`Facts`] and an extension
/// of its own, the earlier.
pub(super) fn deadline_of(extensions: &Extensions) -> Option<Instant> {
    let of_facts = Facts::of(extensions).get::<Deadline>();
    let own = extensions.get::<Deadline>();
    of_facts.into_iter().chain(own).map(Deadline::instant).min()
}

/// Sets the deadline for the layers below.
pub(super) fn set_deadline(extensions: &mut Extensions, at: Instant) {
    extensions.insert(Deadline::new(at));
}
