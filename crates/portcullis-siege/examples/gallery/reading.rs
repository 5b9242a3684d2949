//! What is wrong with how a request is read, where it is not a line of its parser.

use crate::{
    faults::Fault,
    http1::Http1,
    parse::{Framing, Parsed},
    routes::template,
};

impl Http1 {
    /// What is wrong with the next head: some faults begin with the second.
    pub(crate) fn fault_of_head(&self) -> Fault {
        match (self.app.fault, self.heads) {
            (
                Fault::BareLfCheckedOnce | Fault::LengthsCheckedOnce | Fault::NoHostCheckedOnce,
                0,
            ) => Fault::None,
            (Fault::BareLfCheckedOnce, _) => Fault::HeadBareLf,
            (Fault::LengthsCheckedOnce, _) => Fault::ClTeKeptOpen,
            (Fault::NoHostCheckedOnce, _) => Fault::HostMissing,
            (fault, _) => fault,
        }
    }

    /// The request as the fault has it.
    pub(crate) fn as_read(&self, mut parsed: Parsed) -> Parsed {
        let head = &mut parsed.head;
        let is_later = self.heads > 1;
        let host_is_fine = match self.app.fault {
            Fault::HostCheckedOnce => is_later,
            Fault::NoHostCheckedOnce => is_later && head.host.is_none(),
            _ => false,
        };
        if host_is_fine {
            head.host = Some("localhost".to_owned());
        }
        let has_no_body = match self.app.fault {
            Fault::GetUnread => head.method == "GET",
            Fault::DeleteUnread => head.method == "DELETE",
            Fault::LimitedUnread => head.path == "/api/limited",
            Fault::UnknownUnread => template(&head.path).is_empty(),
            _ => false,
        };
        if has_no_body {
            parsed.framing = Framing::Length(0);
        }
        parsed
    }

    /// Whether a refusal leaves the connection open though the body was not read.
    pub(crate) fn forgets_body(&self, expects: bool, status: u16) -> bool {
        match self.app.fault {
            Fault::EarlyKept => true,
            Fault::EarlyKeptExpect => expects,
            Fault::TooLargeKept => status == 413,
            _ => false,
        }
    }
}
