//! An upstream's own condition, in Rego, asked after scopes: `true` or the request is refused.

use std::collections::BTreeMap;

use agentidp_shared::claims::Claims;
#[cfg(feature = "rego")]
use agentidp_shared::policy::Condition;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(
    not(feature = "rego"),
    expect(dead_code, reason = "read, so that what is written wrongly is named as such")
)]
pub struct WrittenPolicy {
    /// Rego sources by name.
    modules: BTreeMap<String, String>,
    /// The rule that must be true, for example `data.orders.allow`.
    entrypoint: String,
}

/// What the condition sees of a request.
#[derive(Debug, Clone, Copy)]
pub struct PolicyInput<'a> {
    pub upstream: &'a str,
    pub method: &'a str,
    /// Decoded, without the query.
    pub path: &'a str,
    pub host: &'a str,
    /// Nobody at a public path.
    pub agent: Option<&'a Claims>,
}

impl PolicyInput<'_> {
    #[cfg_attr(not(feature = "rego"), expect(dead_code, reason = "nobody asks"))]
    fn to_json(self) -> Value {
        let agent = self.agent.map(|claims| {
            json!({
                "id": claims.sub,
                "organizationId": claims.organization_id,
                // The earlier name.
                "organization": claims.organization_id,
                "client": claims.client_id,
                "scopes": claims.scopes,
            })
        });
        json!({
            "upstream": self.upstream, "method": self.method, "path": self.path, "host": self.host, "agent": agent,
        })
    }
}

#[cfg(feature = "rego")]
#[derive(Debug, Clone)]
pub struct Policy(Condition);

#[cfg(feature = "rego")]
impl Policy {
    pub fn new(written: &WrittenPolicy) -> Result<Self, String> {
        Condition::new(&written.modules, &written.entrypoint).map(Self).map_err(|error| error.to_string())
    }

    /// Whether the request may pass; why that is not known otherwise.
    pub fn allows(&self, input: PolicyInput<'_>) -> Result<bool, String> {
        self.0.holds(&input.to_json()).map_err(|error| error.to_string())
    }
}

/// Without the feature `rego` there is none.
#[cfg(not(feature = "rego"))]
#[derive(Debug, Clone)]
pub enum Policy {}

#[cfg(not(feature = "rego"))]
impl Policy {
    pub fn new(_: &WrittenPolicy) -> Result<Self, String> {
        Err("this edge was built without Rego".to_owned())
    }

    pub fn allows(&self, _: PolicyInput<'_>) -> Result<bool, String> {
        match *self {}
    }
}
