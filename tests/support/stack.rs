//! Control plane and edge together, as an operator runs them.

use serde_json::Value;

use crate::control_plane::Settings;
use crate::edge::Setting;
use crate::process::free_port;
use crate::relay::{Relay, Wire};
use crate::{Api, ControlPlane, Edge, Tenant};

#[derive(Debug)]
pub struct Stack {
    // Who asks is ended before who answers.
    pub edge: Edge,
    pub control_plane: ControlPlane,
    /// The wire between them.
    pub relay: Relay,
}

impl Stack {
    pub async fn start() -> Self {
        Self::start_with(Settings::new()).await
    }

    /// With some settings of the control plane.
    pub async fn start_with(settings: Settings) -> Self {
        let port = free_port();
        let control_plane = ControlPlane::start_behind_with(format!("http://127.0.0.1:{port}"), settings);
        let relay = Relay::to(&control_plane.url()).await;
        let edge = Edge::start(port, &control_plane, relay.url()).await;
        Self { edge, control_plane, relay }
    }

    /// With APIs behind the edge's gateway: `upstreams` writes `UPSTREAMS` for the address that the edge will have.
    pub async fn start_in_front_of(upstreams: impl FnOnce(&str) -> Value) -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let upstreams = upstreams(&url);
        let control_plane = ControlPlane::start_behind(url);
        let relay = Relay::to(&control_plane.url()).await;
        let setting = Setting { upstreams, ..Setting::new(port, &control_plane, relay.url()) };
        let edge = Edge::start_with(setting).await;
        Self { edge, control_plane, relay }
    }

    /// An edge that has never heard of its control plane: the wire is cut from the beginning.
    pub async fn start_without_knowledge() -> Self {
        let port = free_port();
        let control_plane = ControlPlane::start_behind(format!("http://127.0.0.1:{port}"));
        let relay = Relay::to(&control_plane.url()).await;
        relay.set(Wire::Cut);
        let edge = Edge::start_unready(port, &control_plane, relay.url());
        Self { edge, control_plane, relay }
    }

    /// The public address.
    pub fn url(&self) -> String {
        self.edge.url()
    }

    /// A client without a token, at the edge.
    pub fn api(&self) -> Api {
        Api::new(&self.url())
    }

    /// The platform's own organization, with its admin logged in, everything through the edge.
    pub async fn platform(&self) -> Tenant {
        Tenant::log_in(&self.api(), &self.control_plane.admin_credential()).await
    }
}
