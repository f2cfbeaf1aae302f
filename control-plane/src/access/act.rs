//! The acts that rights are checked for, and what each requires of its caller.

use super::Role;

/// What an act is done to, which decides whose rank counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Nothing whose rank could protect it: reading, delegating, what the operation decides itself.
    Nothing,
    /// A principal of the caller's organization. Its rank protects it.
    Principal,
    /// An organization as a whole: the caller's own, or any for the platform.
    Organization,
    /// The instance.
    Platform,
}

/// The rule of one act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub object: Object,
    /// The least rank that may do it to others than itself.
    pub least: Role,
    /// Whether a rank above the caller's protects from it.
    pub is_protected: bool,
    /// Whether every principal may do it to itself.
    pub to_itself: bool,
    /// Whether a token that the actor obtained for another agent will do.
    pub borrowed: bool,
    /// Whether a delegated or exchanged token will do.
    pub delegated: bool,
    /// Whether a person must have authenticated within the last five minutes (RFC 9470). Agents are exempt, and only they sign in so far:
    /// nothing reads this yet, and the check comes with people who sign in.
    pub step_up: bool,
}

const READ: Rule = Rule {
    object: Object::Nothing,
    least: Role::Member,
    is_protected: false,
    to_itself: true,
    borrowed: true,
    delegated: true,
    step_up: false,
};
const MANAGE_AGENT: Rule = Rule {
    object: Object::Principal,
    least: Role::Manager,
    is_protected: true,
    to_itself: true,
    borrowed: true,
    delegated: false,
    step_up: false,
};
/// An act after which somebody holds more, or holds it for longer.
const GIVE_TO_AGENT: Rule = Rule { borrowed: false, step_up: true, ..MANAGE_AGENT };
const MANAGE_ORGANIZATION: Rule = Rule {
    object: Object::Organization,
    least: Role::Admin,
    is_protected: true,
    to_itself: false,
    borrowed: true,
    delegated: false,
    step_up: false,
};
const CHANGE_MEMBERS: Rule =
    Rule { object: Object::Principal, borrowed: false, step_up: true, ..MANAGE_ORGANIZATION };
const READ_ORGANIZATION: Rule = Rule { least: Role::Auditor, ..MANAGE_ORGANIZATION };
const PLATFORM: Rule = Rule {
    object: Object::Platform,
    least: Role::Admin,
    is_protected: true,
    to_itself: false,
    borrowed: false,
    delegated: false,
    step_up: true,
};

macro_rules! acts {
    ($($act:ident: $rule:expr, [$($operation:literal),*];)+) => {
        /// Something that an access token, or client authentication, is used for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Act {
            $($act),+
        }

        impl Act {
            pub const ALL: &[Self] = &[$(Self::$act),+];

            /// What it asks.
            pub const fn rule(self) -> Rule {
                match self { $(Self::$act => $rule),+ }
            }

            /// The act of an operation of the API. An operation without one is refused.
            pub fn of_operation(operation: &str) -> Option<Self> {
                match operation {
                    $($($operation => Some(Self::$act),)*)+
                    _ => None,
                }
            }
        }
    };
}

acts! {
    Read: READ, ["list_agents", "get_agent", "resolve_agent_did", "list_audit_events", "list_audit_logs", "verify_audit_log",
        "get_audit_checkpoint", "prove_audit_inclusion", "prove_audit_consistency", "get_audit_event", "get_agent_info", "post_agent_info", "list_resources", "get_resource"];
    // What asks by POST and changes nothing.
    Ask: Rule { delegated: false, ..READ }, ["verify_partner_token"];
    Delegate: READ, ["delegate", "revoke_delegation", "verify_delegation"];
    // A rank is asked where it is not the caller's own.
    RevokeToken: Rule { delegated: true, ..MANAGE_AGENT }, [];
    RevokeDelegation: Rule { to_itself: false, ..MANAGE_AGENT }, [];
    BorrowToken: Rule { least: Role::Admin, to_itself: true, borrowed: false, step_up: true, ..MANAGE_AGENT }, [];

    RegisterAgent: Rule { delegated: false, ..READ }, ["create_agent"];
    UpdateAgent: MANAGE_AGENT, ["update_agent"];
    SuspendAgent: MANAGE_AGENT, [];
    ReactivateAgent: MANAGE_AGENT, [];
    RevokeTokens: MANAGE_AGENT, [];
    DecommissionAgent: MANAGE_AGENT, ["decommission_agent"];
    ChangeScopes: Rule { to_itself: false, ..GIVE_TO_AGENT }, ["set_agent_scopes"];
    RotateDidKey: GIVE_TO_AGENT, ["rotate_agent_did_key"];
    ReadCredentials: Rule { least: Role::Auditor, is_protected: false, step_up: false, ..GIVE_TO_AGENT }, ["list_credentials"];
    GenerateCredential: GIVE_TO_AGENT, ["generate_credential"];
    RotateCredential: GIVE_TO_AGENT, ["rotate_credential", "rotate_only_credential"];
    RevokeCredential: MANAGE_AGENT, ["revoke_credential"];
    RevokeAllCredentials: MANAGE_AGENT, ["revoke_all_credentials"];
    TrustWorkload: Rule { object: Object::Principal, borrowed: false, step_up: true, ..MANAGE_ORGANIZATION },
        ["create_trust_policy"];
    DistrustWorkload: Rule { object: Object::Principal, borrowed: false, ..MANAGE_ORGANIZATION }, ["delete_trust_policy"];

    AddMember: CHANGE_MEMBERS, ["add_member"];
    ChangeMember: CHANGE_MEMBERS, ["change_member"];
    RemoveMember: CHANGE_MEMBERS, ["remove_member"];

    ReadOrganization: READ_ORGANIZATION, ["list_organizations", "get_organization", "get_organization_limits", "get_allowed_resources", "list_members",
        "list_trust_policies", "list_partners", "get_partner", "list_grants", "get_grant"];
    UpdateOrganization: MANAGE_ORGANIZATION, ["update_organization"];
    ManagePartners: MANAGE_ORGANIZATION, ["create_partner", "update_partner", "delete_partner"];
    ManageGrants: MANAGE_ORGANIZATION, ["create_grant", "delete_grant"];

    ReadPlatform: Rule { least: Role::Auditor, step_up: false, ..PLATFORM }, ["list_signing_keys"];
    ManagePlatform: PLATFORM, ["create_organization", "delete_organization"];
    ManageResources: PLATFORM, ["create_resource", "update_resource", "delete_resource", "set_allowed_resources"];
    RotateSigningKeys: PLATFORM, ["rotate_signing_key", "revoke_signing_key"];
}
