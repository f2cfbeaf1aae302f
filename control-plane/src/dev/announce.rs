//! Saying that everything is ready: one JSON line for programs, or a few lines for people.

use std::io::Write as _;
use std::path::PathBuf;

use agentidp_shared::jwk::JwkSet;
use serde_json::json;

#[derive(Debug)]
pub(super) struct Ready {
    pub url: String,
    pub metrics_url: String,
    pub issuer: String,
    pub edge_name: &'static str,
    pub edge_key_file: String,
    /// What an edge pins.
    pub feed_public_keys: JwkSet,
    pub admin_credential_file: PathBuf,
}

impl Ready {
    /// Standard output carries nothing else.
    pub(super) fn print(&self, as_json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if as_json {
            let event = json!({
                "event": "ready",
                "url": self.url,
                "metricsUrl": self.metrics_url,
                "edgeName": self.edge_name,
                "edgeKeyFile": self.edge_key_file,
                "feedPublicKeys": self.feed_public_keys,
                "adminCredentialFile": self.admin_credential_file,
            });
            writeln!(out, "{event}")
        } else {
            writeln!(out, "\nAgentIdP is ready.\n")?;
            writeln!(out, "  API          {}   (document: {}/openapi.json)", self.url, self.url)?;
            writeln!(out, "  issuer       {}", self.issuer)?;
            writeln!(out, "  metrics      {}", self.metrics_url)?;
            writeln!(out, "  administrator's credential   {}", self.admin_credential_file.display())?;
            writeln!(out, "  edge key     {}   (edge name: {})", self.edge_key_file, self.edge_name)?;
            writeln!(out, "\nStop with Ctrl-C. Everything is kept until the state folder is deleted.\n")
        }
    }
}
