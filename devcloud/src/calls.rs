//! The log of every request that reached the cloud, for tests that count calls.

/// One request as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// HTTP method, upper case.
    pub method: String,
    /// Service by its catalogue type: `identity`, `orchestration`, `image`, `compute`, `network`, `volume`,
    /// `key-manager`, `load-balancer`.
    pub service: String,
    /// Path below the service's prefix, with a leading slash and without the query.
    pub path: String,
    /// Raw query string; empty when there was none.
    pub query: String,
    /// Status of the answer; 0 when the connection was closed without one.
    pub status: u16,
}
