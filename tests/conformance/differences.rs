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

/// A Spin instance lives for one request, and what needs no knowledge does not load it: such answers say no age, and sequence 0.
pub fn knows_without_looking(host: Host) -> bool {
    host != Host::Spin
}

/// Cases of the table to which the hosts give different answers, each with the reason.
pub fn of_answers() -> &'static [(&'static str, &'static str)] {
    &[
        ("FOO /verify", "workerd knows no other methods than the registered ones, and refuses them itself"),
        (
            "a way up out of /verify/",
            "workerd resolves dots in a path, escaped or not, before the worker sees it",
        ),
        (
            "an escaped way up out of /verify/",
            "workerd resolves dots in a path, escaped or not, before the worker sees it",
        ),
        (
            "a space in a target",
            "workerd escapes what HTTP does not allow in a target; the Spin host refuses it",
        ),
        (
            "a control character in a target",
            "workerd escapes what HTTP does not allow in a target; the Spin host refuses it",
        ),
        ("a NUL in a header", "each host refuses it in its own words"),
        ("a space in a header's name", "each host refuses it in its own words"),
        (
            "a method in lower case",
            "workerd knows no other methods than the registered ones, and refuses them itself",
        ),
        ("a path of 64 KiB", "the Spin host refuses it, the adapter for workerd its URL"),
        ("120 headers", "the Spin host takes 100"),
        ("Traefik: a client that takes gzip", "workerd compresses answers, as Cloudflare does"),
    ]
}
