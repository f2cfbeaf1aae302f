//! The edge on any host.
