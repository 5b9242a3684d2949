//! Label sets, in the order they are written.

use prometheus_client::encoding::EncodeLabelSet;

/// Labels of one duration series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Served {
    pub(crate) http_request_method: &'static str,
    pub(crate) http_route: String,
    pub(crate) http_response_status_code: String,
    pub(crate) url_scheme: &'static str,
    pub(crate) error_type: String,
}

/// Labels of one gauge of requests under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Active {
    pub(crate) http_request_method: &'static str,
    pub(crate) url_scheme: &'static str,
}

/// Labels of one counter of rejections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
}

pub(crate) const OTHER: &str = "_OTHER";
