//! What an agent is, and the states of its life.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::infra::db::UnknownValue;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownValue;

            fn from_str(text: &str) -> Result<Self, UnknownValue> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or(UnknownValue)
            }
        }
    };
}

text_enum! {
    /// What kind of work an agent does.
    AgentType {
        Screener = "screener",
        Classifier = "classifier",
        Orchestrator = "orchestrator",
        Extractor = "extractor",
        Summarizer = "summarizer",
        Router = "router",
        Monitor = "monitor",
        Custom = "custom",
    }
}

text_enum! {
    /// Where an agent runs.
    DeploymentEnv {
        Development = "development",
        Staging = "staging",
        Production = "production",
    }
}

text_enum! {
    /// `active ⇄ suspended`, and from either to `decommissioned`, which is final.
    AgentStatus {
        Active = "active",
        Suspended = "suspended",
        Decommissioned = "decommissioned",
    }
}

/// The step was refused: a decommissioned agent stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent was decommissioned, which is final")]
pub struct AlreadyDecommissioned;

impl AgentStatus {
    /// The status after asking for `wanted`; asking for what is changes nothing.
    pub fn change_to(self, wanted: Self) -> Result<Self, AlreadyDecommissioned> {
        match self {
            Self::Decommissioned => Err(AlreadyDecommissioned),
            Self::Active | Self::Suspended => Ok(wanted),
        }
    }
}

/// An agent to be registered, every field checked.
#[derive(Debug, Clone)]
pub struct NewAgent {
    pub organization_id: OrganizationId,
    pub email: String,
    pub agent_type: AgentType,
    pub version: String,
    pub capabilities: Vec<String>,
    pub owner: String,
    pub deployment_env: DeploymentEnv,
    pub name: Option<String>,
    pub description: Option<String>,
    pub is_public: bool,
    pub a2a_url: Option<String>,
    pub scopes: ScopeSet,
}

/// An agent, as its organization sees it.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    #[serde(rename = "agentId")]
    #[schema(value_type = uuid::Uuid)]
    pub id: AgentId,
    #[schema(value_type = uuid::Uuid)]
    pub organization_id: OrganizationId,
    /// `did:web` of the agent.
    pub did: String,
    pub email: String,
    pub agent_type: AgentType,
    /// Semantic version of the agent's software.
    pub version: String,
    /// What it can do, each as `resource:action`.
    pub capabilities: Vec<String>,
    pub owner: String,
    pub deployment_env: DeploymentEnv,
    pub name: Option<String>,
    pub description: Option<String>,
    pub is_public: bool,
    /// Where it answers A2A (JSON-RPC), for its card.
    pub a2a_url: Option<String>,
    /// The scopes that its tokens may have.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    pub status: AgentStatus,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub decommissioned_at: Option<OffsetDateTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_what_is_shown() {
        for status in AgentStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for kind in AgentType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for env in DeploymentEnv::ALL {
            assert_eq!(env.as_str().parse(), Ok(*env));
            assert_eq!(serde_json::to_value(env).unwrap(), env.as_str());
        }
        assert_eq!("Active".parse::<AgentStatus>(), Err(UnknownValue));
    }

    #[test]
    fn nothing_leads_back_from_decommissioned() {
        for wanted in AgentStatus::ALL {
            assert_eq!(AgentStatus::Decommissioned.change_to(*wanted), Err(AlreadyDecommissioned));
            assert_eq!(AgentStatus::Active.change_to(*wanted), Ok(*wanted));
            assert_eq!(AgentStatus::Suspended.change_to(*wanted), Ok(*wanted));
        }
    }
}
