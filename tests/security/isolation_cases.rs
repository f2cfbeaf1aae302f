//! How each operation keeps organizations apart. An operation without a case fails the first test of `isolation`.

/// How an operation keeps organizations apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Named by ids in the path: the victim's id is answered like nobody's.
    ById,
    /// Lists: nothing of the victim is in it, whatever is filtered for.
    List,
    /// Shows the same to everyone, and nothing of any organization.
    Public,
    /// Anyone may fetch an agent's public key by the agent's id; it shows nothing else of the agent.
    PublicKey,
    /// For edges and their key; no token opens it.
    EdgeOnly,
    /// Has a test of its own below.
    Special,
}

pub fn case(operation: &str) -> Option<Case> {
    Some(match operation {
        "get_agent"
        | "update_agent"
        | "decommission_agent"
        | "generate_credential"
        | "list_credentials"
        | "rotate_only_credential"
        | "rotate_credential"
        | "revoke_credential"
        | "revoke_all_credentials"
        | "get_organization"
        | "get_organization_limits"
        | "update_organization"
        | "delete_organization"
        | "list_members"
        | "add_member"
        | "change_member"
        | "remove_member"
        | "get_audit_event"
        | "resolve_agent_did"
        | "rotate_agent_did_key"
        | "set_agent_scopes"
        | "get_agent_card"
        | "get_agntcy_card"
        | "get_oasf_record"
        | "get_allowed_resources"
        | "set_allowed_resources"
        | "get_resource"
        | "update_resource"
        | "delete_resource"
        | "get_agent_badge"
        | "delete_trust_policy"
        | "get_partner"
        | "get_grant"
        | "delete_grant"
        | "update_partner"
        | "delete_partner"
        // Public, but of those that have chosen an issuer only.
        | "get_organization_openid_configuration"
        | "get_organization_openid_configuration_alias"
        | "get_organization_authorization_server_metadata" => Case::ById,
        "list_agents" | "list_organizations" | "list_audit_events" | "list_audit_logs" | "list_trust_policies" | "list_partners" | "list_grants" | "list_resources" => Case::List,
        "create_agent"
        | "create_organization"
        | "create_resource"
        | "issue_token"
        | "issue_token_alias"
        | "revoke_token"
        | "revoke_token_alias"
        | "introspect_token"
        | "delegate"
        | "revoke_delegation"
        | "verify_delegation"
        | "introspect_token_alias"
        | "get_status_list"
        | "get_agent_info"
        | "post_agent_info"
        | "verify_audit_log"
        | "get_audit_checkpoint"
        | "prove_audit_inclusion"
        | "prove_audit_consistency"
        | "list_signing_keys"
        | "rotate_signing_key"
        | "revoke_signing_key"
        // In the matrix, and in `attack::trust_policies`.
        | "create_trust_policy"
        | "exchange_oidc_token"
        | "create_partner"
        | "create_grant"
        | "verify_partner_token" => Case::Special,
        "authorize"
        | "get_openid_configuration"
        | "get_authorization_server_metadata"
        | "get_protected_resource_metadata"
        | "get_jwks"
        | "get_instance_did"
        | "get_instance_card"
        | "list_compliance_controls"
        | "get_health"
        | "get_health_detailed"
        | "get_liveness"
        | "get_readiness"
        | "get_openapi" => Case::Public,
        "get_agent_did" | "get_agent_did_alias" => Case::PublicKey,
        "get_edge_snapshot" | "get_edge_changes" | "report_edge_usage" | "list_edge_nodes" => Case::EdgeOnly,
        _ => return None,
    })
}
