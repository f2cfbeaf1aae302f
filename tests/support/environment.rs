//! What the tests need from outside, with defaults for a checkout in which everything was built.

use std::env;
use std::path::PathBuf;

fn path(variable: &str, default: impl FnOnce() -> PathBuf) -> PathBuf {
    env::var_os(variable).filter(|value| !value.is_empty()).map_or_else(default, PathBuf::from)
}

/// `AGENTIDP_ROOT`: the checkout.
pub fn root() -> PathBuf {
    path("AGENTIDP_ROOT", || PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned())
}

/// `AGENTIDP_BIN`: the control plane's binary.
pub fn agentidp() -> PathBuf {
    path("AGENTIDP_BIN", || path("CARGO_TARGET_DIR", || root().join("target")).join("debug").join("agentidp"))
}

/// `AGENTIDP_EDGE_DEV`: the script that runs the built worker in workerd.
pub fn edge_dev() -> PathBuf {
    path("AGENTIDP_EDGE_DEV", || root().join("edge/cloudflare/dev.mjs"))
}

/// Where the edge runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Cloudflare,
    Spin,
}

/// `AGENTIDP_EDGE_HOST`: the host whose edge is tested, `cloudflare` or `spin`.
pub fn edge_host() -> Host {
    match env::var("AGENTIDP_EDGE_HOST").as_deref() {
        Ok("spin") => Host::Spin,
        Ok("cloudflare" | "") | Err(_) => Host::Cloudflare,
        Ok(other) => panic!("AGENTIDP_EDGE_HOST is {other}, not cloudflare or spin"),
    }
}

fn required(variable: &str) -> PathBuf {
    path(variable, || {
        panic!("{variable} is not set: run these tests with `cargo xtask test`, which builds it")
    })
}

/// `AGENTIDP_SPIN_HOST`: what runs the component.
pub fn spin_host() -> PathBuf {
    required("AGENTIDP_SPIN_HOST")
}

/// `AGENTIDP_SPIN_COMPONENT`: the built component.
pub fn spin_component() -> PathBuf {
    required("AGENTIDP_SPIN_COMPONENT")
}

/// `AGENTIDP_SPIN_CACHE`: where compiled code is kept.
pub fn spin_cache() -> PathBuf {
    required("AGENTIDP_SPIN_CACHE")
}

/// `AGENTIDP_NODE`: Node.js.
pub fn node() -> PathBuf {
    path("AGENTIDP_NODE", || "node".into())
}

/// `AGENTIDP_PYTHON`: a Python with `PyJWT` and its cryptography.
pub fn python() -> PathBuf {
    path("AGENTIDP_PYTHON", || "python3".into())
}

/// `AGENTIDP_NGINX`: nginx with its module `auth_request`.
pub fn nginx() -> PathBuf {
    path("AGENTIDP_NGINX", || "nginx".into())
}

/// `AGENTIDP_ENVOY`: Envoy.
pub fn envoy() -> PathBuf {
    path("AGENTIDP_ENVOY", || "envoy".into())
}

/// `AGENTIDP_BAO`: OpenBao.
pub fn bao() -> PathBuf {
    path("AGENTIDP_BAO", || "bao".into())
}

/// `TEST_DATABASE_URL`: a PostgreSQL superuser, whose cluster may be filled with databases.
pub fn database_url() -> String {
    env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!("TEST_DATABASE_URL is not set: run these tests with `cargo xtask test`, which starts a PostgreSQL for them")
    })
}
