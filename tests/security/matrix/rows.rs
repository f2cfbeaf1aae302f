//! What each operation is, and so which attacks there are on it. An operation without a row fails the matrix.

/// What one organization may want of another's things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// To be shown them, by their ids.
    Read,
    /// To find them in a list.
    List,
    /// To change them or add to them, or that anything is written in the organization.
    Write,
    /// To end them.
    Delete,
    /// To learn by a filter whether they exist.
    Filter,
    /// To be led to them by a cursor or a page.
    Cursor,
    /// To learn from a refusal whether they exist: another's are refused with the status, headers and body of nobody's.
    Error,
}

impl Attack {
    pub const ALL: [Self; 7] =
        [Self::Read, Self::List, Self::Write, Self::Delete, Self::Filter, Self::Cursor, Self::Error];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Filter => "filter",
            Self::Cursor => "cursor",
            Self::Error => "error",
        }
    }
}

/// How an operation is attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names things by ids in its path, and perhaps its body: all that a caller is shown is a leak, but what it said itself.
    ById,
    /// Shows what the caller's organization has.
    List,
    /// Takes a token in a form.
    Token,
    /// Gives a token for an agent of the organization.
    Issue,
    /// Shows the caller itself, whomever it names.
    Caller,
    /// Makes something in the caller's organization.
    Create,
    /// Counts what the caller's organization has.
    Count,
    /// Proves an event of the organization, once it is sealed.
    Prove,
    /// Not for any organization but the platform's.
    Platform,
    /// Not for any token, but for edges and their keys.
    Edge,
    /// The same for everyone; it must show nothing of anyone. What finds a leak is shown the victim's own agent instead.
    Public,
}

#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub kind: Kind,
    pub attacks: &'static [Attack],
    /// The edge answers by itself.
    pub at_edge: bool,
}

pub fn row(operation: &str) -> Option<Row> {
    use Attack::{Cursor, Delete, Error, Filter, List, Read, Write};
    let (kind, attacks): (Kind, &'static [Attack]) = match operation {
        "get_agent"
        | "get_organization"
        | "get_organization_limits"
        | "get_allowed_resources"
        | "get_partner"
        | "get_grant"
        | "get_resource"
        | "get_audit_event"
        | "resolve_agent_did"
        // Public, if the agent is or the organization has an issuer of its own; those in the matrix begin as neither.
        | "get_agent_card"
        | "get_agntcy_card"
        | "get_oasf_record"
        | "get_agent_badge"
        | "get_organization_openid_configuration"
        | "get_organization_openid_configuration_alias"
        | "get_organization_authorization_server_metadata" => (Kind::ById, &[Read, Error]),
        "list_credentials" | "list_members" => (Kind::ById, &[Read, List, Error]),
        "update_agent"
        | "generate_credential"
        | "rotate_only_credential"
        | "rotate_credential"
        | "rotate_agent_did_key"
        | "set_agent_scopes"
        | "update_organization"
        | "set_allowed_resources"
        // For an agent that its body names.
        | "create_trust_policy"
        | "update_partner"
        | "add_member"
        | "change_member" => (Kind::ById, &[Read, Write, Error]),
        "delegate" => (Kind::ById, &[Write, Error]),
        "decommission_agent"
        | "revoke_delegation"
        | "revoke_credential"
        | "delete_trust_policy"
        | "delete_partner"
        | "delete_grant"
        | "revoke_all_credentials"
        | "delete_organization"
        | "remove_member" => (Kind::ById, &[Read, Delete, Error]),
        "list_agents" | "list_organizations" | "list_audit_events" | "list_audit_logs" => {
            (Kind::List, &[List, Filter, Cursor])
        }
        "list_trust_policies" | "list_partners" | "list_grants" | "list_resources" => (Kind::List, &[List, Cursor]),
        "create_partner" | "create_grant" => (Kind::Create, &[Write, Error]),
        "verify_partner_token" => (Kind::Token, &[Read]),
        "create_agent" => (Kind::Create, &[Read, Write, Error]),
        "create_organization" | "create_resource" | "update_resource" | "delete_resource" => {
            (Kind::Platform, &[Write, Error])
        }
        "issue_token" | "issue_token_alias" => (Kind::Issue, &[Read, Write, Error]),
        "verify_delegation" => (Kind::Token, &[Read, Error]),
        "introspect_token" | "introspect_token_alias" => (Kind::Token, &[Read, Write, Error]),
        // It answers everyone alike, whatever the token (RFC 7009 §2.2).
        "revoke_token" | "revoke_token_alias" => (Kind::Token, &[Delete]),
        "get_agent_info" | "post_agent_info" => (Kind::Caller, &[Read]),
        "verify_audit_log" => (Kind::Count, &[Read]),
        "prove_audit_inclusion" => (Kind::Prove, &[Read, Error]),
        "list_signing_keys" => (Kind::Platform, &[Read]),
        "rotate_signing_key" | "revoke_signing_key" => (Kind::Platform, &[Write]),
        "get_edge_snapshot" | "get_edge_changes" | "list_edge_nodes" => (Kind::Edge, &[Read]),
        "report_edge_usage" => (Kind::Edge, &[Write]),
        "authorize"
        | "exchange_oidc_token"
        | "get_status_list"
        | "get_audit_checkpoint"
        | "prove_audit_consistency"
        | "get_openid_configuration"
        | "get_authorization_server_metadata"
        | "get_protected_resource_metadata"
        | "get_jwks"
        | "get_instance_did"
        | "get_instance_card"
        | "get_agent_did"
        | "get_agent_did_alias"
        | "list_compliance_controls"
        | "get_health"
        | "get_health_detailed"
        | "get_liveness"
        | "get_readiness"
        | "get_openapi" => (Kind::Public, &[Read]),
        _ => return None,
    };
    let at_edge = matches!(
        operation,
        "introspect_token"
            | "verify_delegation"
            | "introspect_token_alias"
            | "get_status_list"
            | "get_openid_configuration"
            | "get_authorization_server_metadata"
            | "get_protected_resource_metadata"
            | "get_jwks"
            | "get_instance_did"
            | "get_instance_card"
            | "get_agent_did"
            | "get_agent_did_alias"
            | "get_agent_card"
            | "get_agntcy_card"
            | "get_oasf_record"
            | "get_agent_badge"
            | "get_organization_openid_configuration"
            | "get_organization_openid_configuration_alias"
            | "get_organization_authorization_server_metadata"
            | "get_health"
            | "get_liveness"
            | "get_readiness"
    );
    Some(Row { kind, attacks, at_edge })
}
