use std::io;

use super::AuditEvent;

/// Where audit events go. Called on a thread of its own, so it may block.
pub trait EventSink: Send + 'static {
    /// Writes some events, all or none of them: after an error the same come again, together with more.
    ///
    /// # Errors
    ///
    /// Returns an error if they are not where they should be. It is logged, and tried again after a second.
    fn write(&mut self, events: &[AuditEvent]) -> io::Result<()>;

    /// Begins anew where events go: a file that was renamed stays as it is.
    ///
    /// # Errors
    ///
    /// Returns an error if it goes on with the old.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Does what is to be done after the last event.
    ///
    /// # Errors
    ///
    /// Returns an error that is logged.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
