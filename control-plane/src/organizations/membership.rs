//! `/api/v1/organizations/{organizationId}/members`: who owns and administers an organization.
//!
//! Owners may do everything here, administrators everything that makes or touches no owner, the platform everything.

use agentidp_shared::ids::{AgentId, OrganizationId};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{not_found, store};
use crate::access::{Act, Caller, Owners, Role};
use crate::agents;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::pagination::{PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// A member of an organization.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    #[schema(value_type = uuid::Uuid)]
    pub agent_id: AgentId,
    pub role: Role,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Whom to make a member.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct AddMemberRequest {
    /// An agent of the organization.
    #[schema(value_type = uuid::Uuid)]
    agent_id: AgentId,
    role: Role,
}

/// What a member is to be.
#[derive(Debug, ToSchema)]
pub(super) struct ChangeMemberRequest {
    role: Role,
}

const ROLES: &str = "owner, admin, manager, auditor or member";

impl FromFields for AddMemberRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let agent_id = fields.required_parsed("agentId", "a UUID in its canonical form");
        let role = fields.required_parsed("role", ROLES);
        Some(Self { agent_id: agent_id?, role: role? })
    }
}

impl FromFields for ChangeMemberRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required_parsed("role", ROLES).map(|role| Self { role })
    }
}

/// The members of an organization, oldest first
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/members", operation_id = "list_members", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization"), PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<Member>),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_members(
    State(app): State<App>,
    caller: Caller,
    Id(organization): Id<OrganizationId>,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::MEMBERS }>>,
) -> Result<Json<Paginated<Member>>, ApiError> {
    caller.permit_organization(Act::ReadOrganization, organization)?;
    let mut tx = app.list_for(caller.organization_id, organization).await?;
    if store::find(&mut tx, &app, organization).await?.is_none() {
        return Err(not_found());
    }
    let (members, total) = store::list_members(&mut tx, organization, page).await.map_err(lists::error)?;
    let key = |member: &Member| SortKey { at: member.created_at, id: member.agent_id.as_uuid() };
    Ok(Json(page.of(members, total, key)))
}

/// Make an agent a member
#[utoipa::path(post, path = "/api/v1/organizations/{organizationId}/members", operation_id = "add_member", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    request_body = AddMemberRequest,
    responses(
        (status = 201, description = "The member", body = Member),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller's role does not allow it", body = ErrorBody),
        (status = 404, description = "There is no such organization, or no such agent in it", body = ErrorBody),
        (status = 409, description = "The agent is a member already, or was decommissioned", body = ErrorBody)))]
pub(super) async fn add_member(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    StrictJson(request): StrictJson<AddMemberRequest>,
) -> Result<(StatusCode, Json<Member>), ApiError> {
    let mut tx = open(&app, &caller, Act::AddMember, organization).await?;
    let act = Act::AddMember;
    let permit = caller.permit_change(&mut tx, act, request.agent_id, Some(request.role)).await?;
    let status = agents::lock_status(&mut tx, request.agent_id).await?;
    if status == agents::AgentStatus::Decommissioned {
        let message = "the agent was decommissioned, which is final";
        return Err(ApiError::conflict("AGENT_DECOMMISSIONED", message));
    }
    if store::role_of(&mut tx, organization, request.agent_id).await?.is_some() {
        let message = "the agent is a member already; PATCH changes its role";
        return Err(ApiError::conflict("ALREADY_MEMBER", message));
    }
    let now = app.now();
    store::insert_member(&mut tx, organization, permit, request.role, now).await?;
    let metadata = json!({ "role": request.role.as_str() });
    record(&mut tx, &app, &caller, &client, organization, Action::MemberAdded, request.agent_id, metadata)
        .await?;
    tx.commit().await?;
    let member = Member { agent_id: request.agent_id, role: request.role, created_at: now };
    Ok((StatusCode::CREATED, Json(member)))
}

/// Change a member's role
#[utoipa::path(patch, path = "/api/v1/organizations/{organizationId}/members/{agentId}", operation_id = "change_member", tag = "Organizations",
    params(
        ("organizationId" = uuid::Uuid, Path, description = "The organization"),
        ("agentId" = uuid::Uuid, Path, description = "The member")),
    request_body = ChangeMemberRequest,
    responses(
        (status = 200, description = "The member as it is now", body = Member),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller's role does not allow it", body = ErrorBody),
        (status = 404, description = "There is no such organization, or no such member of it", body = ErrorBody),
        (status = 409, description = "The agent is the organization's last owner", body = ErrorBody)))]
pub(super) async fn change_member(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    Id(agent): Id<AgentId>,
    StrictJson(request): StrictJson<ChangeMemberRequest>,
) -> Result<Json<Member>, ApiError> {
    let mut tx = open(&app, &caller, Act::ChangeMember, organization).await?;
    // Before the role is read: of two changes at once the second sees what the first made of it.
    let owners = Owners::lock(&mut tx, organization, app.now()).await?;
    let before = store::role_of(&mut tx, organization, agent).await?.ok_or_else(no_such_member)?;
    let permit = caller.permit_change(&mut tx, Act::ChangeMember, agent, Some(request.role)).await?;
    let created_at = store::set_role(&mut tx, organization, permit, request.role).await?;
    owners.refuse_if_gone(&mut tx).await?;
    if before != request.role {
        let metadata = json!({ "role": request.role.as_str(), "was": before.as_str() });
        record(&mut tx, &app, &caller, &client, organization, Action::MemberChanged, agent, metadata).await?;
    }
    tx.commit().await?;
    Ok(Json(Member { agent_id: agent, role: request.role, created_at }))
}

/// End a membership
///
/// The agent stays an agent of the organization.
#[utoipa::path(delete, path = "/api/v1/organizations/{organizationId}/members/{agentId}", operation_id = "remove_member", tag = "Organizations",
    params(
        ("organizationId" = uuid::Uuid, Path, description = "The organization"),
        ("agentId" = uuid::Uuid, Path, description = "The member")),
    responses(
        (status = 204, description = "The agent is no member any more"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller's role does not allow it", body = ErrorBody),
        (status = 404, description = "There is no such organization, or no such member of it", body = ErrorBody),
        (status = 409, description = "The agent is the organization's last owner", body = ErrorBody)))]
pub(super) async fn remove_member(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    Id(agent): Id<AgentId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = open(&app, &caller, Act::RemoveMember, organization).await?;
    let owners = Owners::lock(&mut tx, organization, app.now()).await?;
    let before = store::role_of(&mut tx, organization, agent).await?.ok_or_else(no_such_member)?;
    let permit = caller.permit(&mut tx, Act::RemoveMember, agent).await?;
    store::delete_member(&mut tx, organization, permit).await?;
    owners.refuse_if_gone(&mut tx).await?;
    let metadata = json!({ "was": before.as_str() });
    record(&mut tx, &app, &caller, &client, organization, Action::MemberRemoved, agent, metadata).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A transaction of the organization, if the act is the caller's to do there at all. Whose rank protects it comes after.
async fn open(
    app: &App,
    caller: &Caller,
    act: Act,
    organization: OrganizationId,
) -> Result<TenantTx, ApiError> {
    caller.permit_organization(act, organization)?;
    let mut tx = app.db.tenant(organization).await?;
    if store::find(&mut tx, app, organization).await?.is_none() {
        return Err(not_found());
    }
    Ok(tx)
}

fn no_such_member() -> ApiError {
    ApiError::not_found("MEMBER_NOT_FOUND", "the organization has no member with this id")
}

#[expect(clippy::too_many_arguments, reason = "everything an event says")]
async fn record(
    tx: &mut TenantTx,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    organization: OrganizationId,
    action: Action,
    agent: AgentId,
    mut metadata: Value,
) -> Result<(), sqlx::Error> {
    if let Some(members) = metadata.as_object_mut() {
        members.insert("actorId".into(), caller.actor().to_string().into());
    }
    let event = NewEvent::new(organization, action).agent(agent).client(client).metadata(metadata);
    audit::record(tx, app, event).await.map(|_| ())
}
