//! `PATCH /api/v1/organizations/{organizationId}`: its name, signing algorithm and issuer; for the platform also its tier, and suspending or reactivating it.

use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed::Change;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::tier::Tier;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::model::{ALGORITHMS, IssuerKind, Organization, OrganizationStatus, SigningAlgorithm, TierName};
use super::store::Signing;
use super::{not_found, record, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::Action;
use crate::edge_feed;
use crate::infra::clock::unix_seconds;
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::keys::{self, ChangedBy, Choice, ChooseError};
use crate::tenancy::{self, Share};

/// What to change; what is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct UpdateOrganizationRequest {
    /// The platform confirms the name that it writes. One that an organization gives itself is marked as self-asserted in signed
    /// documents until the platform confirms it.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// For the platform to set.
    #[schema(value_type = Option<TierName>)]
    tier: Option<Tier>,
    /// For the platform to set. `suspended` refuses every agent of it and every token they have so far; `active` lets them get new
    /// ones.
    #[schema(value_type = Option<SettableStatus>)]
    status: Option<OrganizationStatus>,
    /// What its tokens are to be signed with; `null` for what the instance uses. The answer says in `signingAlgorithmInForce` what
    /// they are signed with now.
    #[schema(value_type = Option<SigningAlgorithm>)]
    signing_algorithm: Chosen,
    /// Whose name its tokens carry. Tokens that carry the other one stay good until they expire.
    issuer_kind: Option<IssuerKind>,
}

/// A choice of algorithm that a request may leave alone, make, or take back.
#[derive(Debug, Clone, Copy)]
enum Chosen {
    AsBefore,
    Now(Option<Algorithm>),
}

/// The statuses a request may ask for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents the values")]
enum SettableStatus {
    Active,
    Suspended,
}

impl FromFields for UpdateOrganizationRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let names_algorithm = fields.has("signingAlgorithm");
        let algorithm = fields.optional_parsed("signingAlgorithm", ALGORITHMS);
        let request = Self {
            name: fields.optional_string("name", 1..=200),
            tier: fields.optional_parsed("tier", "free, pro or enterprise"),
            status: fields.optional_parsed("status", "active or suspended"),
            signing_algorithm: if names_algorithm { Chosen::Now(algorithm) } else { Chosen::AsBefore },
            issuer_kind: fields.optional_parsed("issuerKind", "instance or organization"),
        };
        if request.status == Some(OrganizationStatus::Deleted) {
            fields.error("status", "must be active or suspended; DELETE deletes an organization");
        }
        Some(request)
    }
}

/// Change, suspend or reactivate an organization
///
/// An organization's own administrators may change its name, signing algorithm and issuer; the rest is for the platform's members.
#[utoipa::path(patch, path = "/api/v1/organizations/{organizationId}", operation_id = "update_organization", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    request_body = UpdateOrganizationRequest,
    responses(
        (status = 200, description = "The organization as it is now", body = Organization),
        (status = 400, description = "Fields are unknown or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or only the platform may change this", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 409, description = "The organization was deleted, or is the system organization, or too many signing keys are published for one of another algorithm", body = ErrorBody),
        (status = 429, description = "The signing algorithm was changed as often today as the tier allows", body = ErrorBody)))]
pub(super) async fn update_organization(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    StrictJson(request): StrictJson<UpdateOrganizationRequest>,
) -> Result<Json<Organization>, ApiError> {
    let permit = caller.permit_organization(Act::UpdateOrganization, organization)?;
    if !permit.is_platform() && (request.tier.is_some() || request.status.is_some()) {
        let message = "only the platform changes a tier or a status";
        return Err(ApiError::forbidden("PLATFORM_ONLY", message));
    }
    let mut tx = app.db.system().await?;
    let current = store::lock(&mut tx, organization).await?.ok_or_else(not_found)?;
    if current.status == OrganizationStatus::Deleted {
        return Err(deleted());
    }
    let name = current.name.changed(request.name, permit.is_platform(), app.now());
    let tier = request.tier.unwrap_or(current.tier);
    let signing = signing(&app, current.signing, request.signing_algorithm, request.issuer_kind);
    let (algorithm, old_algorithm) = (signing.choice.algorithm, current.signing.choice.algorithm);
    let (kind, old_kind) = (signing.issuer_kind, current.signing.issuer_kind);
    let changed: Vec<&str> = [
        ("name", name.text != current.name.text),
        ("nameConfirmed", name.confirmed_at.is_some() != current.name.confirmed_at.is_some()),
        ("tier", tier != current.tier),
        ("signingAlgorithm", algorithm != old_algorithm),
        ("issuerKind", kind != old_kind),
    ]
    .into_iter()
    .filter_map(|(field, changed)| changed.then_some(field))
    .collect();
    if algorithm != old_algorithm {
        // Each can make a key that every edge must hold before it signs.
        let share = Share::SigningAlgorithmChanges;
        if permit.is_platform() {
            tenancy::count_use(&mut tx, organization, share, app.now()).await?;
        } else {
            tenancy::spend(&mut tx, &app.tiers, organization, share, app.now()).await?;
        }
    }
    if !changed.is_empty() {
        store::update(&mut tx, organization, &name, tier, signing, app.now()).await?;
        let mut metadata = Map::from_iter([("fields".to_owned(), json!(changed))]);
        if algorithm != old_algorithm {
            let change = json!({ "from": old_algorithm, "to": algorithm });
            metadata.insert("signingAlgorithm".to_owned(), change);
        }
        if kind != old_kind {
            metadata.insert("issuerKind".to_owned(), json!({ "from": old_kind, "to": kind }));
        }
        let (action, metadata) = (Action::OrganizationUpdated, metadata.into());
        record(&mut tx, &app, &caller, &client, organization, action, metadata).await?;
    }
    if let Some(algorithm) = algorithm.filter(|_| algorithm != old_algorithm) {
        choose_algorithm(&mut tx, &app, &caller, &client, organization, algorithm).await?;
    }
    if tier != current.tier {
        let change = Change::Tier { organization_id: organization, tier };
        edge_feed::append(&mut tx, &change).await?;
    }
    let status = request.status.unwrap_or(current.status);
    if status != current.status {
        if current.is_system {
            return Err(is_system());
        }
        set_status(&mut tx, &app, organization, status).await?;
        let action = match status {
            OrganizationStatus::Active => Action::OrganizationReactivated,
            _ => Action::OrganizationSuspended,
        };
        record(&mut tx, &app, &caller, &client, organization, action, json!({})).await?;
    }
    let updated = store::find(&mut tx, &app, organization).await?;
    tx.commit().await?;
    updated.map(Json).ok_or_else(not_found)
}

/// What is to be, and what signs until it can.
fn signing(app: &App, current: Signing, algorithm: Chosen, issuer_kind: Option<IssuerKind>) -> Signing {
    let issuer_kind = issuer_kind.unwrap_or(current.issuer_kind);
    let choice = match algorithm {
        Chosen::Now(algorithm) if algorithm != current.choice.algorithm => {
            let keys = app.signers.current();
            let in_force = keys.signer_for(current.choice).map(|signer| signer.algorithm());
            Choice { algorithm, before: in_force.filter(|_| algorithm.is_some()) }
        }
        _ => current.choice,
    };
    Signing { choice, issuer_kind }
}

/// Makes sure that there will be a key to sign with.
pub(super) async fn choose_algorithm(
    tx: &mut SystemTx,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    organization: OrganizationId,
    algorithm: Algorithm,
) -> Result<(), ApiError> {
    let by = ChangedBy::Caller(caller, client);
    keys::choose(tx, app, algorithm, organization, by).await.map_err(|error| match error {
        ChooseError::TooMany => ApiError::conflict("TOO_MANY_KEYS", error.to_string()),
        error => ApiError::internal(error),
    })
}

/// Sets the status, and tells every edge. Tokens issued before a suspension stay refused whatever becomes of the organization.
pub(super) async fn set_status(
    tx: &mut SystemTx,
    app: &App,
    organization: OrganizationId,
    status: OrganizationStatus,
) -> Result<(), sqlx::Error> {
    let standing = match status {
        OrganizationStatus::Active => Standing::Active,
        OrganizationStatus::Suspended => Standing::Suspended,
        OrganizationStatus::Deleted => Standing::Gone,
    };
    let not_before = store::set_status(tx, organization, status, app.now()).await?;
    edge_feed::organization_changed(tx, app, organization, standing, not_before.map(unix_seconds)).await
}

pub(super) fn deleted() -> ApiError {
    ApiError::conflict("ORGANIZATION_DELETED", "the organization was deleted, which is final")
}

pub(super) fn is_system() -> ApiError {
    let message = "the system organization runs this instance; it can be neither suspended nor deleted";
    ApiError::conflict("SYSTEM_ORGANIZATION", message)
}
