//! What is wrong with IDs, logs and metrics.

use super::{Fault, Row};

faults! {
    IdReflected "id-reflected" I01 "any request ID is kept"
    FirstOfTwoIds "first-of-two-ids" I02 "the first of two IDs is kept"
    IdsSequential "ids-sequential" I03 "IDs are counted"
    IdMissing "id-missing-on-401" I04 "401 has no ID"
    LogUnescaped "log-unescaped" I05 "the log takes bytes as they come"
    AuditUnchained "audit-unchained" I06 "any audit log verifies"
    SecretsInLog "secrets-in-log" I07 "the query is logged as it is"
    LabelPerPath "label-per-path" I08 "the path is a label"
    MetricsOpen "metrics-open" I09 "the metrics need no key"
    MetricsAnyKey "metrics-any-key" I09 "any key opens the metrics"
    DebugPage "debug-page" I10 "the environment is shown to anybody"
}
