//! `POST /oauth2/token/delegate`.

use agentidp_shared::claims::{Claims, MAX_URI_LENGTH};
use agentidp_shared::delegation::{self, NotDerived, Wanted};
use agentidp_shared::ids::{AgentId, OrganizationId, TokenId};
use agentidp_shared::scopes::ScopeSet;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::clock::{from_unix_seconds, unix_seconds};
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::keys::Choice;
use crate::tokens::{self, Client};
use crate::{federation, organizations, resources, status_lists};

const TTL_SECONDS: std::ops::RangeInclusive<u64> = 60..=86_400;

/// Who is to act on the caller's behalf, and how far.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct DelegateRequest {
    /// An active agent of the same organization, or of one with which there are grants.
    #[schema(value_type = uuid::Uuid)]
    delegatee_id: AgentId,
    /// At least one, each of which the access token in use holds.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 64)]
    scopes: ScopeSet,
    /// The token ends earlier if the access token in use does.
    #[schema(minimum = 60, maximum = 86400)]
    ttl_seconds: u64,
    /// The API the token is for (RFC 8707), if not that of the access token in use.
    resource: Option<String>,
}

impl FromFields for DelegateRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let delegatee_id = input.required_parsed("delegateeId", "an agent's id");
        let scopes = input.required("scopes", |input| input.optional_scopes("scopes"));
        if scopes.as_ref().is_some_and(ScopeSet::is_empty) {
            input.error("scopes", "must have at least one item");
        }
        let ttl_seconds = input.required_u64("ttlSeconds", TTL_SECONDS);
        let resource = input.optional_string("resource", 1..=MAX_URI_LENGTH);
        if resource.as_deref().is_some_and(|resource| !organizations::is_resource(resource)) {
            input.error("resource", "must be an absolute URI without a fragment");
        }
        Some(Self { delegatee_id: delegatee_id?, scopes: scopes?, ttl_seconds: ttl_seconds?, resource })
    }
}

/// A delegation.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewDelegation {
    /// The access token for the delegatee. It is in this answer and never shown again.
    delegation_token: String,
    #[schema(value_type = uuid::Uuid)]
    chain_id: TokenId,
    #[schema(value_type = uuid::Uuid)]
    delegator_id: AgentId,
    #[schema(value_type = uuid::Uuid)]
    delegatee_id: AgentId,
    #[schema(value_type = Vec<String>)]
    scopes: ScopeSet,
    #[serde(with = "time::serde::rfc3339")]
    issued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Let another agent act on one's behalf
///
/// Whoever acts with a delegated token may pass on a part of it in the same way.
#[utoipa::path(post, path = "/oauth2/token/delegate", operation_id = "delegate", tag = "Delegation",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = DelegateRequest,
    responses(
        (status = 201, description = "The delegation, with its token", body = NewDelegation),
        (status = 400, description = "A field is unknown or malformed, or the agent may not be a delegatee", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "The access token does not hold this, or is not to be passed on", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The delegatee is not active, or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn delegate(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(request): StrictJson<DelegateRequest>,
) -> Result<Response, ApiError> {
    if request.delegatee_id == caller.actor() {
        return Err(ApiError::bad_request("SELF_DELEGATION", "an agent does not delegate to itself"));
    }
    // The answer holds a token: it is for whoever asked, not for whomever they act for.
    let asking = caller.as_actor();
    let now = unix_seconds(app.now());
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let delegatee = tokens::client(&mut tx, request.delegatee_id).await?;
    tx.commit().await?;
    if let Some(delegatee) = delegatee {
        let work = async {
            let mut tx = app.db.tenant(caller.organization_id).await?;
            let to = Delegatee { signing: delegatee.signing, client: delegatee, grant: None };
            let response = create(&mut tx, &app, &caller, &client, &request, to, now).await?;
            Ok((tx, response))
        };
        idempotency::run(&app, &asking, "delegate", idempotency, work).await
    } else {
        let work = async {
            let mut tx = app.db.system().await?;
            let to = abroad(&mut tx, &app, &caller, &request).await?;
            let response = create(&mut tx, &app, &caller, &client, &request, to, now).await?;
            Ok((tx, response))
        };
        idempotency::run(&app, &asking, "delegate", idempotency, work).await
    }
}

/// Whom something is passed on to.
struct Delegatee {
    client: Client,
    /// How tokens of the subject's organization are signed.
    signing: Choice,
    /// If it is of another organization.
    grant: Option<delegation::Grant>,
}

/// An agent of another organization. Unless there are grants, it is as if there were none.
async fn abroad(
    tx: &mut SystemTx,
    app: &App,
    caller: &Caller,
    request: &DelegateRequest,
) -> Result<Delegatee, ApiError> {
    let not_found = || ApiError::not_found("AGENT_NOT_FOUND", "the organization has no agent with this id");
    let client = tokens::client_any_tenant(tx, request.delegatee_id).await?.ok_or_else(not_found)?;
    let grant = federation::granted(tx, caller.organization_id, client.organization_id, app.now()).await?;
    let grant = grant.ok_or_else(not_found)?;
    let subject = tokens::client_any_tenant(tx, caller.token.sub).await?.ok_or_else(not_found)?;
    Ok(Delegatee { client, signing: subject.signing, grant: Some(grant) })
}

async fn create(
    tx: &mut PgConnection,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    request: &DelegateRequest,
    to: Delegatee,
    now: u64,
) -> Result<Response, ApiError> {
    let Delegatee { client: delegatee, signing, grant } = to;
    if delegatee.refusal().is_some() {
        return Err(ApiError::conflict("AGENT_NOT_ACTIVE", "only an active agent can be a delegatee"));
    }
    let wanted = Wanted {
        jti: TokenId::new(app.new_id()),
        holder: request.delegatee_id,
        organization: delegatee.organization_id,
        grant,
        scopes: Some(request.scopes.clone()),
        audience: request.resource.clone(),
        issuer: &app.config.issuer,
        now,
        lifetime: request.ttl_seconds,
        not_before: delegatee.not_before,
        names_delegatee: true,
    };
    let mut claims = delegation::derive(&caller.token, wanted).map_err(|refusal| not_derived(&refusal))?;
    require_rights(tx, app, &claims, delegatee.organization_id).await?;
    claims.status = Some(status_lists::reserve(app));
    let delegation_token = tokens::sign(app, signing, &claims)?;
    store::insert(tx, &claims, caller.actor()).await?;
    status_lists::record(tx, std::iter::once(&claims)).await?;
    audit::record(tx, app, created(caller, client, &claims)).await?;
    metrics::counter!("agentidp_delegations_created_total").increment(1);
    let body = NewDelegation {
        delegation_token,
        chain_id: claims.jti,
        delegator_id: caller.actor(),
        delegatee_id: claims.client_id,
        issued_at: from_unix_seconds(claims.iat),
        expires_at: from_unix_seconds(claims.exp),
        scopes: claims.scopes,
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Refuses what the subject's organization may not have, or the delegatee's: the first cannot lend an API to the second. Keeps the rest
/// from being taken until the transaction ends.
async fn require_rights(
    tx: &mut PgConnection,
    app: &App,
    claims: &Claims,
    delegatee: OrganizationId,
) -> Result<(), ApiError> {
    if tokens::is_plain(app, claims) {
        return Ok(());
    }
    resources::lock_shared(tx).await?;
    let other = Some(delegatee).filter(|delegatee| *delegatee != claims.organization_id);
    for organization in std::iter::once(claims.organization_id).chain(other) {
        for audience in &claims.aud {
            let lacking = resources::lacking(tx, app, organization, &claims.scopes, audience).await?;
            if lacking.audience {
                let message = "the platform does not let both organizations have tokens for this resource";
                return Err(ApiError::forbidden("RESOURCE_NOT_ALLOWED", message));
            }
            if !lacking.scopes.is_empty() {
                let scopes = lacking.scopes;
                let message = format!("the platform does not let both organizations have: {scopes}");
                return Err(ApiError::forbidden("SCOPE_NOT_ALLOWED", message));
            }
        }
    }
    Ok(())
}

fn created(caller: &Caller, client: &ClientInfo, claims: &Claims) -> NewEvent {
    NewEvent::new(caller.organization_id, Action::DelegationCreated)
        .agent(claims.sub)
        .client(client)
        .metadata(json!({
            "actorId": caller.actor(),
            "chainId": claims.jti,
            "delegateeId": claims.client_id,
            "delegateeOrganizationId": claims.holder_organization(),
            "scope": claims.scopes.to_string(),
            "audience": claims.aud,
            "expiresAt": claims.exp,
            "act": claims.delegation.as_ref().and_then(delegation::Chain::act),
        }))
}

fn not_derived(refusal: &NotDerived) -> ApiError {
    let code = match refusal {
        NotDerived::ObtainedForAnother => "TOKEN_OF_ANOTHER",
        NotDerived::Expired => "TOKEN_EXPIRED",
        NotDerived::TooDeep => "CHAIN_TOO_LONG",
        NotDerived::Cycle => "CHAIN_CYCLE",
        NotDerived::Scope(_) => "SCOPE_NOT_HELD",
        NotDerived::Audience => "AUDIENCE_NOT_HELD",
        NotDerived::Organization | NotDerived::Grant(_) => "NOT_GRANTED",
    };
    ApiError::forbidden(code, refusal.to_string())
}
