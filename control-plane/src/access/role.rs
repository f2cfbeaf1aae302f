//! The roles of an organization's members.

use agentidp_shared::scopes::ScopeSet;

use super::rules::is_on;
use crate::infra::db::UnknownValue;

/// A principal's standing in its organization, from the lowest. Whoever was given none is a member.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Acts on itself alone; with `agents:write` it registers agents, which are members.
    #[default]
    Member,
    /// Reads all of the organization; changes nothing but its own credentials.
    Auditor,
    /// Manages the agents whose rank is not above its own.
    Manager,
    /// Also manages the organization: members, trust, partners, settings.
    Admin,
    /// Also makes, changes and removes owners.
    Owner,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Member, Self::Auditor, Self::Manager, Self::Admin, Self::Owner];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
            Self::Member => "member",
        }
    }

    pub fn from_column(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The rank that a token with these scopes carries of this role: a token that was narrowed leaves the power it does not
    /// need behind, and a scope without the role carries nothing.
    #[must_use]
    pub fn carried_by(self, scopes: &ScopeSet) -> Self {
        if !is_on("narrowed") {
            return self;
        }
        let carries = |rank: Self| match rank {
            Self::Owner | Self::Admin => scopes.contains("admin:orgs"),
            Self::Manager => scopes.contains("agents:write"),
            Self::Auditor => scopes.iter().any(|scope| scope.as_str().ends_with(":read")),
            Self::Member => true,
        };
        Self::ALL.into_iter().rev().find(|rank| *rank <= self && carries(*rank)).unwrap_or_default()
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::from_column(text).ok_or(UnknownValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(role: Role, scopes: &str) -> Role {
        role.carried_by(&ScopeSet::parse(scopes).unwrap())
    }

    #[test]
    fn roles_read_back_from_their_names() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }

    #[test]
    fn narrowed_token_attack_a_token_carries_no_more_of_a_role_than_its_scopes_do() {
        assert_eq!(carried(Role::Owner, "admin:orgs agents:write"), Role::Owner);
        assert_eq!(carried(Role::Owner, "agents:write"), Role::Manager);
        assert_eq!(carried(Role::Owner, "agents:read"), Role::Auditor);
        assert_eq!(carried(Role::Owner, "openid"), Role::Member);
        assert_eq!(carried(Role::Manager, "agents:read"), Role::Auditor);
    }

    #[test]
    fn scope_as_rank_attack_a_scope_without_a_role_carries_no_rank() {
        for scopes in ["admin:orgs", "admin:orgs agents:write agents:read", "platform:write"] {
            assert_eq!(carried(Role::Member, scopes), Role::Member);
        }
        assert_eq!(carried(Role::Auditor, "admin:orgs agents:read"), Role::Auditor);
    }
}
