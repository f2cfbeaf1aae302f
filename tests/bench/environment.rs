//! What `cargo xtask bench` has built.

use std::env;
use std::path::PathBuf;

pub use agentidp_tests::environment::*;

fn required(variable: &str) -> PathBuf {
    let missing = || panic!("{variable} is not set: run this with `cargo xtask bench`");
    env::var_os(variable).map_or_else(missing, PathBuf::from)
}

/// `AGENTIDP_LOAD`: the load process.
pub fn load() -> PathBuf {
    required("AGENTIDP_LOAD")
}

/// `AGENTIDP_WORKERD`: the runtime of Workers, as it is.
pub fn workerd() -> PathBuf {
    required("AGENTIDP_WORKERD")
}

/// `AGENTIDP_ESBUILD`: bundles the peers.
pub fn esbuild() -> PathBuf {
    required("AGENTIDP_ESBUILD")
}

/// `AGENTIDP_EDGE_BUILD`: the built worker.
pub fn edge_build() -> PathBuf {
    required("AGENTIDP_EDGE_BUILD")
}
