//! What is wrong with overload, health and the end.

use super::{Fault, Row};

faults! {
    NoShedding "no-shedding" L01 "any number of requests at once"
    ShedsEarly "sheds-early" L02 "503 without overload"
    PermitLeaked "permit-leaked" L03 "a cancelled request keeps its place"
    OneLimitForAll "one-limit-for-all" L04 "all clients share one quota"
    LivenessShed "liveness-shed" L08 "not alive under overload"
    ReadinessCached "readiness-cached" L09 "ready for ever"
    ReadinessProbes "readiness-checks-each-probe" L09 "each probe checks the dependency"
    StopDrops "stop-drops-requests" L12 "SIGTERM ends what is in flight"
    StopWaits "stop-waits-for-ever" L13 "SIGTERM waits for every connection"
    DrainsReady "ready-while-draining" L14 "ready until the end"
    DrainsKept "ready-on-kept-connections" L14 "a connection from before the stop is told that all is well"
    HealthDsn "health-tells-dsn" L15 "the health says how to reach the database"
    HealthVersions "health-tells-versions" L15 "the health says what it is made of"
    ReadyHost "ready-tells-host" L15 "the readiness says what could not be reached, and where"
}
