//! The endpoint table and the compiled form of the rule in `policies/authz.rego`.

use serde::{Deserialize, Serialize};

use crate::scopes::{Scope, ScopeSet};

/// How a caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone.
    Public,
    /// An access token (RFC 6750).
    Bearer,
    /// An access token or client authentication (RFC 6749 §2.3), checked by the endpoint itself.
    Client,
    /// An edge key.
    Edge,
}

/// One row: an operation, where it is, and what it asks of its caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub operation: String,
    pub method: String,
    /// The route template, for example `/api/v1/agents/{agentId}`.
    pub path: String,
    pub access: Access,
    /// The scopes of which the caller needs all.
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// The scopes of which the caller needs one; no further scope if empty. Edges of feed version 1 do not know the member.
    #[serde(default, rename = "anyOf", skip_serializing_if = "ScopeSet::is_empty")]
    pub any_of: ScopeSet,
}

/// Every scope and every endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointTable {
    pub scopes: Vec<Scope>,
    pub endpoints: Vec<Endpoint>,
}

/// The question: may a caller with these scopes use this route?
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PolicyInput<'a> {
    pub method: &'a str,
    /// The matched route template.
    pub route: &'a str,
    pub authenticated: bool,
    pub scopes: &'a ScopeSet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny(Denial),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The route is not in the table.
    UnknownEndpoint,
    Unauthenticated,
    InsufficientScope {
        /// All of these, or one of them if `any` is set.
        required: ScopeSet,
        any: bool,
    },
}

impl EndpointTable {
    pub fn find(&self, method: &str, route: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.method == method && endpoint.path == route)
    }

    /// The scopes an operation asks for; `None` if there is no such operation.
    pub fn scopes_of(&self, operation: &str) -> Option<&ScopeSet> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.operation == operation)
            .map(|endpoint| &endpoint.scopes)
    }

    /// The same answer as `policies/authz.rego`, without Rego. A property test holds the two together.
    pub fn decide(&self, input: &PolicyInput<'_>) -> Decision {
        let Some(endpoint) = self.find(input.method, input.route) else {
            return Decision::Deny(Denial::UnknownEndpoint);
        };
        if endpoint.access != Access::Bearer {
            return Decision::Allow;
        }
        if !input.authenticated {
            return Decision::Deny(Denial::Unauthenticated);
        }
        if !endpoint.scopes.is_subset_of(input.scopes) {
            return Decision::Deny(Denial::InsufficientScope {
                required: endpoint.scopes.clone(),
                any: false,
            });
        }
        if !endpoint.any_of.is_empty()
            && !endpoint.any_of.iter().any(|scope| input.scopes.contains(scope.as_str()))
        {
            return Decision::Deny(Denial::InsufficientScope {
                required: endpoint.any_of.clone(),
                any: true,
            });
        }
        Decision::Allow
    }

    /// The table as feed version 1 has it: a row that any of several scopes opens asks for none, and the control plane decides.
    #[must_use]
    pub fn in_first_version(mut self) -> Self {
        for endpoint in &mut self.endpoints {
            endpoint.any_of = ScopeSet::empty();
        }
        self
    }
}
