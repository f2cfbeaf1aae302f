//! What a trust policy is.

use std::collections::BTreeMap;

use agentidp_shared::ids::{AgentId, OrganizationId, TrustPolicyId};
use agentidp_shared::issuer;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::infra::db::UnknownValue;

/// Whose tokens a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Provider {
    Github,
    Gitlab,
    Kubernetes,
    Spiffe,
    Oidc,
}

impl Provider {
    pub const ALL: [Self; 5] = [Self::Github, Self::Gitlab, Self::Kubernetes, Self::Spiffe, Self::Oidc];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Kubernetes => "kubernetes",
            Self::Spiffe => "spiffe",
            Self::Oidc => "oidc",
        }
    }

    /// The claims that name a thing by an id which is never given to another (JSON pointers, RFC 6901).
    pub fn immutable_claims(self) -> &'static [&'static str] {
        match self {
            Self::Github => &["/repository_id", "/repository_owner_id"],
            Self::Gitlab => &["/project_id", "/namespace_id"],
            Self::Kubernetes => &["/kubernetes.io/serviceaccount/uid"],
            Self::Spiffe | Self::Oidc => &[],
        }
    }
}

impl std::str::FromStr for Provider {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text).ok_or(UnknownValue)
    }
}

/// Values of immutable claims, by their JSON pointers.
pub(super) type Pinned = BTreeMap<String, String>;

/// What the claims of a token must say. As it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Rule {
    Github(GithubRule),
    Claims(ClaimsRule),
}

/// Of GitHub Actions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GithubRule {
    /// `owner/name`
    pub repository: String,
    /// Any branch or tag if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub r#ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// Those that only who may write to the repository can cause, if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub job_workflow_ref: Option<String>,
}

/// Of other issuers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimsRule {
    pub subject: String,
    /// Further claims that are text.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

/// A policy to be made, every field checked.
#[derive(Debug, Clone)]
pub(super) struct NewPolicy {
    pub provider: Provider,
    /// `None` is the provider's own.
    pub issuer: Option<String>,
    pub rule: Rule,
    pub pinned: Pinned,
    /// `None`: tokens that can register agents.
    pub agent: Option<AgentId>,
}

/// A policy as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub id: TrustPolicyId,
    pub organization: OrganizationId,
    pub provider: Provider,
    pub issuer: String,
    pub rule: Rule,
    pub pinned: Pinned,
    pub agent: AgentId,
    pub is_bootstrap: bool,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
}

/// A workload that the organization trusts.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrustPolicy {
    #[schema(value_type = uuid::Uuid)]
    pub policy_id: TrustPolicyId,
    provider: Provider,
    /// `iss` of the tokens.
    issuer: String,
    /// `aud` that the tokens must have, and no other: it says which organization they are for.
    audience: String,
    /// GitHub: `owner/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    /// GitHub: the branch or tag, as `refs/heads/…` or `refs/tags/…`. Any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// GitHub: the events that may have started the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_workflow_ref: Option<String>,
    /// Other issuers: `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Other issuers: further claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<BTreeMap<String, String>>,
    /// Ids that are never given out twice, as the first token said them: JSON pointers into the claims, and values. A repository that
    /// was made anew under the same name has others.
    pinned: Pinned,
    /// The agent that tokens are for. Absent: the tokens can register agents, and nothing else.
    #[schema(value_type = Option<uuid::Uuid>)]
    agent_id: Option<AgentId>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
}

impl Policy {
    /// As its organization sees it. `instance` is the instance's issuer.
    pub fn shown(self, instance: &str) -> TrustPolicy {
        let (github, claims) = match self.rule {
            Rule::Github(rule) => {
                let events = rule
                    .events
                    .clone()
                    .or_else(|| Some(super::github::DEFAULT_EVENTS.map(ToOwned::to_owned).to_vec()));
                (Some(GithubRule { events, ..rule }), None)
            }
            Rule::Claims(rule) => (None, Some(rule)),
        };
        let github = github.map(|rule| {
            (Some(rule.repository), rule.r#ref, rule.environment, rule.events, rule.job_workflow_ref)
        });
        let (repository, r#ref, environment, events, job_workflow_ref) = github.unwrap_or_default();
        let (subject, claims) = claims.map(|rule| (rule.subject, rule.claims)).unzip();
        TrustPolicy {
            policy_id: self.id,
            provider: self.provider,
            issuer: self.issuer,
            audience: issuer::of_organization(instance, self.organization),
            repository,
            r#ref,
            environment,
            events,
            job_workflow_ref,
            subject,
            claims,
            pinned: self.pinned,
            agent_id: (!self.is_bootstrap).then_some(self.agent),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
        }
    }
}
