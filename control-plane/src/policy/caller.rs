//! The authenticated caller of a request.

use std::sync::Arc;

use agentidp_shared::claims::Claims;
use agentidp_shared::discovery::PROTECTED_RESOURCE;
use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::ids::{AgentId, OrganizationId, TokenId};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{self, Expectation, Verdict};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use time::OffsetDateTime;

use crate::app::App;
use crate::delegation;
use crate::infra::clock::unix_seconds;
use crate::infra::db::UnknownValue;
use crate::infra::http::error::ApiError;

/// A member's standing in its organization, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Member,
    Admin,
    Owner,
}

impl std::str::FromStr for Role {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::from_column(text).ok_or(UnknownValue)
    }
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    pub fn from_column(text: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who is calling, as proven by an access token that is good at this moment. A handler that takes it cannot be reached
/// without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub agent_id: AgentId,
    pub organization_id: OrganizationId,
    pub scopes: ScopeSet,
    pub jti: TokenId,
    /// Belongs to the system organization, which runs this instance.
    pub is_platform: bool,
    /// May register agents and do nothing else, whatever its scopes.
    pub only_registers: bool,
    pub role: Option<Role>,
    /// The token's claims.
    pub token: Arc<Claims>,
}

impl Caller {
    /// Whether the caller may manage `agent`'s credentials, tokens and state: its own, or any as an administrator of the
    /// organization. That the agent is in the caller's organization is for the query that finds it to say.
    pub fn may_manage(&self, agent: AgentId) -> bool {
        self.agent_id == agent || self.is_administrator()
    }

    pub fn is_administrator(&self) -> bool {
        !self.is_delegated() && self.has_powers_of_administrator()
    }

    /// Whether the caller acts for another agent, or with less than it has. Rank is nothing that can be passed on.
    pub fn is_delegated(&self) -> bool {
        self.token.delegation.is_some()
    }

    /// The agent that makes the call; `agent_id` is the one on whose behalf.
    pub fn actor(&self) -> AgentId {
        if self.is_delegated() { self.token.client_id } else { self.agent_id }
    }

    fn has_powers_of_administrator(&self) -> bool {
        self.scopes.contains("admin:orgs") || matches!(self.role, Some(Role::Owner | Role::Admin))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        // Put there by `authorize`; absent only if a route is not marked `bearer` in the policy's table.
        parts.extensions.get().cloned().ok_or_else(|| unauthenticated(app))
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1); `None` if there is none of that scheme.
/// Two `Authorization` headers are an error: which one is meant would be a guess.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid_request("more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| invalid_request("the Authorization header is not ASCII"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(token.trim_start_matches(' ')))
        }
        _ => Ok(None),
    }
}

/// Verifies the request's access token and asks the database whether it still counts.
pub async fn authenticate_bearer(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let Some(unverified_token) = bearer_token(headers)? else { return Ok(None) };
    let signers = app.signers.current();
    // What was revoked is asked of the database below; the control plane needs no feed.
    let none = Exceptions::new(SeededHasher::new([0; 16]));
    let expected =
        Expectation { issuer: &app.config.issuer, audience: &app.config.issuer, scopes: &ScopeSet::empty() };
    let now = app.now();
    let claims =
        match verify::verify(unverified_token, &signers.verification, &none, unix_seconds(now), &expected) {
            Verdict::Accepted(claims) => claims,
            Verdict::Refused(refusal) => return Err(invalid_token(app, &refusal.to_string())),
        };

    let mut tx = app.db.system().await?;
    let standing = sqlx::query!(
        r#"select agents.status, agents.not_before, members.role as "role?",
             organizations.status as organization_status, organizations.not_before as organization_not_before,
             organizations.is_system, agents.only_registers,
             exists (select from revoked_tokens where jti = $3) as "token_revoked!",
             exists (select from agents client where client.id = $4
               and (client.status <> 'active' or client.not_before >= to_timestamp($5::bigint::float8))) as "client_refused!"
           from agents
           join organizations on organizations.id = agents.organization_id
           left join organization_members members on members.agent_id = agents.id and members.organization_id = agents.organization_id
           where agents.id = $1 and agents.organization_id = $2"#,
        claims.sub.as_uuid(),
        claims.organization_id.as_uuid(),
        claims.jti.as_uuid(),
        claims.client_id.as_uuid(),
        i64::try_from(claims.iat).unwrap_or(i64::MAX),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let chain_stands = claims.delegation.is_none() || delegation::stands(&mut tx, &claims).await?;
    tx.commit().await?;
    let Some(standing) = standing else { return Err(invalid_token(app, "the agent does not exist")) };
    let issued_before = |not_before: Option<OffsetDateTime>| {
        not_before.is_some_and(|limit| claims.iat <= unix_seconds(limit))
    };
    if standing.token_revoked {
        return Err(invalid_token(app, "the token was revoked"));
    }
    if !chain_stands {
        return Err(invalid_token(app, "the token, or one that it was derived from, was revoked"));
    }
    if standing.status != "active" || standing.organization_status != "active" || standing.client_refused {
        return Err(invalid_token(app, "the agent or its organization is not active"));
    }
    if issued_before(standing.not_before) || issued_before(standing.organization_not_before) {
        return Err(invalid_token(app, "tokens issued so far were revoked"));
    }
    let is_delegated = claims.delegation.is_some();
    Ok(Some(Caller {
        agent_id: claims.sub,
        organization_id: claims.organization_id,
        scopes: claims.scopes.clone(),
        jti: claims.jti,
        is_platform: standing.is_system && !is_delegated,
        only_registers: standing.only_registers,
        role: standing.role.as_deref().and_then(Role::from_column).filter(|_| !is_delegated),
        token: Arc::new(claims),
    }))
}

pub(super) fn unauthenticated(app: &App) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "an access token is required")
        .header(header::WWW_AUTHENTICATE, challenge(app, &[]))
}

fn invalid_token(app: &App, reason: &str) -> ApiError {
    let parameters = [("error", "invalid_token"), ("error_description", reason)];
    ApiError::new(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", reason.to_owned())
        .header(header::WWW_AUTHENTICATE, challenge(app, &parameters))
}

/// RFC 6750 §3, and where to learn what is asked for (RFC 9728 §5.1). Quotes in parameters become harmless.
fn challenge(app: &App, parameters: &[(&str, &str)]) -> String {
    let metadata = format!("{}{PROTECTED_RESOURCE}", app.config.issuer);
    let parameters = parameters.iter().copied().chain([("resource_metadata", metadata.as_str())]);
    let parameter =
        |(name, value): (&str, &str)| format!(r#", {name}="{}""#, value.replace(['"', '\\'], "'"));
    format!(r#"Bearer realm="agentidp"{}"#, parameters.map(parameter).collect::<String>())
}

fn invalid_request(reason: &'static str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", reason)
}

pub(super) fn insufficient_scope(app: &App, required: &ScopeSet) -> ApiError {
    let parameters = [("error", "insufficient_scope"), ("scope", &required.to_string())];
    ApiError::new(StatusCode::FORBIDDEN, "INSUFFICIENT_SCOPE", format!("this needs the scope {required}"))
        .details(serde_json::json!({ "requiredScopes": required }))
        .header(header::WWW_AUTHENTICATE, challenge(app, &parameters))
}
