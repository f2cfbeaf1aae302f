//! Where the hosts differ, and why. Everything else is the same everywhere.

use agentidp_tests::environment::{Host, edge_host};

/// Spin takes the header `Connection` away before the component sees a request or an answer of an origin, so a header that only it
/// names as hop-by-hop cannot be told from others. Those that are always hop-by-hop stop there too.
pub fn shows_connection_header() -> bool {
    edge_host() != Host::Spin
}

/// Spin takes `Upgrade` away as well, and has no way to join two connections.
pub fn passes_web_sockets() -> bool {
    edge_host() != Host::Spin
}
