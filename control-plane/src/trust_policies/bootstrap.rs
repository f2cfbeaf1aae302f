//! The agents behind policies that name none: each can register agents of its organization, and do nothing else.

use agentidp_shared::ids::{AgentId, TrustPolicyId};
use agentidp_shared::scopes::ScopeSet;

use crate::agents::{self, AgentType, DeploymentEnv, NewAgent, RegisterError};
use crate::app::App;
use crate::infra::db::TenantTx;

/// What its tokens hold. That it is good for registering alone, is the agent's and not the scope's.
const SCOPE: &str = "agents:write";

/// What the maker of such a policy lends.
pub(super) fn scopes() -> ScopeSet {
    ScopeSet::parse(SCOPE).unwrap_or_default()
}

/// Registers the agent of a policy.
pub(super) async fn register(
    tx: &mut TenantTx,
    app: &App,
    policy: TrustPolicyId,
    owner: &str,
) -> Result<AgentId, RegisterError> {
    let new = NewAgent {
        organization_id: tx.organization_id(),
        // Unique, and of nobody's (RFC 2606 §2).
        email: format!("trust-policy-{policy}@bootstrap.invalid"),
        agent_type: AgentType::Custom,
        version: "1.0.0".to_owned(),
        capabilities: vec!["agents:register".to_owned()],
        owner: owner.chars().take(128).collect(),
        deployment_env: DeploymentEnv::Production,
        name: Some("Registers agents for a trust policy".to_owned()),
        description: None,
        is_public: false,
        a2a_url: None,
        scopes: scopes(),
    };
    let agent = agents::register(tx, app, new).await?;
    agents::let_only_register(tx, agent.id).await?;
    Ok(agent.id)
}
