//! What is wrong with HTTP/2.

use super::{Fault, Row};

faults! {
    H2Resets "h2-resets-uncounted" C01 "any number of resets"
    H2OwnResets "h2-own-resets-uncounted" C02 "any number of resets of its own"
    H2Continuations "h2-continuations-uncounted" C03 "any number of CONTINUATION frames"
    H2Fields "h2-fields-unbounded" C04 "a decoded head may have any size"
    H2Pings "h2-pings-uncounted" C05 "any number of PING frames"
    H2Settings "h2-settings-uncounted" C06 "any number of SETTINGS frames"
    H2EmptyData "h2-empty-data-uncounted" C07 "any number of empty DATA frames"
    H2Stalls "h2-stalls-unlimited" C08 "a shut window may stay shut for ever"
    H2Streams "h2-streams-unbounded" C09 "more streams than SETTINGS allows"
    H2FieldsUnchecked "h2-fields-unchecked" C10 "any bytes in fields"
    H2Authority "h2-authority-unchecked" C11 ":authority and Host may differ"
    H2HeadAwaited "h2-head-awaited" C15 "a head without END_HEADERS may take for ever"
    H2ContinuationRenews "h2-continuation-renews" C15 "each CONTINUATION renews the limit"
    H2SettingsAwaited "h2-settings-awaited" C16 "the first SETTINGS may take for ever"
    H2FrameAwaited "h2-frame-awaited" C17 "a frame may take for ever"
    H2FrameRenews "h2-frame-byte-renews" C17 "each byte of a frame renews the limit"
    H2PingBatches "h2-ping-batches-uncounted" C18 "any number of PING frames, however long others wait"
    H2SettingsBatches "h2-settings-batches-uncounted" C18 "any number of SETTINGS frames, however long others wait"
    H2WindowRenews "h2-window-byte-renews" C19 "each byte of a window renews the limit"
    FrontFields "front-fields-unchecked" C20 "as a proxy, it forwards any bytes in fields"
    FrontLength "front-length-unchecked" C20 "as a proxy, it forwards DATA beyond its length"
}
