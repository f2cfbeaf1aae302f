//! What can be recorded.

use utoipa::ToSchema;

macro_rules! actions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// What happened. The name is part of the API and of the hash chain: never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
        pub enum Action {
            $(#[serde(rename = $name)] $variant),+
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

actions! {
    AgentCreated = "agent.created",
    AgentUpdated = "agent.updated",
    AgentSuspended = "agent.suspended",
    AgentReactivated = "agent.reactivated",
    AgentDecommissioned = "agent.decommissioned",
    TokenIssued = "token.issued",
    TokenRevoked = "token.revoked",
    TokenIntrospected = "token.introspected",
    CredentialGenerated = "credential.generated",
    CredentialRotated = "credential.rotated",
    CredentialRevoked = "credential.revoked",
    AuthFailed = "auth.failed",
    OrganizationCreated = "org.created",
    KeyRotated = "key.rotated",
}

impl std::str::FromStr for Action {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Success, Self::Failure].into_iter().find(|outcome| outcome.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back_from_its_name() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
