//! `GET` and `PUT /api/v1/organizations/{organizationId}/resources`: the protected APIs that the platform lets an organization have.

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::{MAX_SCOPE_LENGTH, Scope};
use axum::Json;
use axum::extract::State;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::model::OrganizationStatus;
use super::update::deleted;
use super::{not_found, record, resources_store, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::Action;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;
use crate::resources::{self, RevokeHeld, RevokeHeldParameter, Rights};

const MAX_RESOURCES: usize = 64;
/// As many as all protected APIs can have together.
const MAX_SCOPES: usize = 512;
/// In the place of a URI or a scope: any.
const ANY: &str = "*";
const RESOURCES: &str = "allowedResources";
const SCOPES: &str = "allowedScopes";

/// The protected APIs that an organization may have, besides those that say so themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", as = AllowedResources)]
pub(super) struct Allowed {
    /// The identifiers of APIs that its agents may get tokens for; `*` is any URI. The management API is always allowed.
    #[schema(max_items = 64, examples(json!(["https://orders.example.com"])))]
    pub allowed_resources: Vec<String>,
    /// The scopes of APIs that its agents may hold; `*` is every scope of an API.
    #[schema(max_items = 512, examples(json!(["orders:read"])))]
    pub allowed_scopes: Vec<String>,
}

impl Allowed {
    /// What the organization that runs the APIs may have.
    pub fn any() -> Self {
        Self { allowed_resources: vec![ANY.to_owned()], allowed_scopes: vec![ANY.to_owned()] }
    }

    /// Whether something of it is not in `other`.
    fn exceeds(&self, other: &Self) -> bool {
        let exceeds = |one: &[String], other: &[String]| {
            one.iter().any(|entry| !other.contains(entry)) && !has_any(other)
        };
        exceeds(&self.allowed_resources, &other.allowed_resources)
            || exceeds(&self.allowed_scopes, &other.allowed_scopes)
    }

    /// The scopes it names one by one.
    pub fn named_scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        self.allowed_scopes.iter().filter(|scope| *scope != ANY).filter_map(|scope| scope.parse().ok())
    }
}

fn has_any(list: &[String]) -> bool {
    list.iter().any(|entry| entry == ANY)
}

/// The lists to set; one that is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase", as = SetAllowedResources)]
pub(super) struct AllowedChange {
    /// Identifiers of registered APIs, or `*`.
    #[schema(max_items = 64, examples(json!(["https://orders.example.com"])))]
    pub allowed_resources: Option<Vec<String>>,
    /// Scopes of registered APIs, or `*`.
    #[schema(max_items = 512, examples(json!(["orders:read"])))]
    pub allowed_scopes: Option<Vec<String>>,
}

impl FromFields for AllowedChange {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        if !input.has(RESOURCES) && !input.has(SCOPES) {
            input.error(RESOURCES, "required, unless there is allowedScopes");
        }
        Some(Self::read(input))
    }
}

impl AllowedChange {
    /// Reads the two lists among other fields.
    pub fn read(input: &mut Fields) -> Self {
        let allowed_resources = input.optional_strings(RESOURCES, MAX_RESOURCES, 1..=MAX_URI_LENGTH);
        for (position, resource) in allowed_resources.iter().flatten().enumerate() {
            if resource != ANY && !is_resource(resource) {
                let field = format!("{RESOURCES}[{position}]");
                input.error(&field, "must be an absolute URI without a fragment, or *");
            }
        }
        let allowed_scopes = input.optional_strings(SCOPES, MAX_SCOPES, 1..=MAX_SCOPE_LENGTH);
        Self { allowed_resources, allowed_scopes }
    }

    /// The lists with this change. Names each entry that is not of a protected API.
    pub async fn apply(
        self,
        tx: &mut PgConnection,
        app: &App,
        current: Allowed,
    ) -> Result<Allowed, ApiError> {
        let (named_resources, named_scopes) = (
            self.allowed_resources.as_deref().unwrap_or_default(),
            self.allowed_scopes.as_deref().unwrap_or_default(),
        );
        let known = resources::known(tx, app, named_resources, named_scopes).await?;
        let mut errors = FieldErrors::new();
        let lists = [
            (RESOURCES, named_resources, &known.identifiers, "is not the identifier of a protected API"),
            (SCOPES, named_scopes, &known.scopes, "is not a scope of a protected API"),
        ];
        for (field, named, known, reason) in lists {
            for (position, entry) in named.iter().enumerate() {
                if entry != ANY && !known.contains(entry) {
                    errors.push(
                        &format!("{field}[{position}]"),
                        format!("{reason}; see GET /api/v1/resources"),
                    );
                }
            }
        }
        errors.into_result()?;
        Ok(Allowed {
            allowed_resources: self.allowed_resources.unwrap_or(current.allowed_resources),
            allowed_scopes: self.allowed_scopes.unwrap_or(current.allowed_scopes),
        })
    }
}

/// An absolute URI without a fragment (RFC 8707 §2).
pub fn is_resource(text: &str) -> bool {
    let uri: Option<http::Uri> = text.parse().ok();
    text.len() <= MAX_URI_LENGTH
        && !text.contains('#')
        && uri.is_some_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
}

/// The protected APIs that an organization may have
///
/// By the platform's word. An API that serves all organizations, or lists this one, is not in it (`GET /api/v1/resources` shows those too).
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/resources", operation_id = "get_allowed_resources", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The lists", body = Allowed),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody)))]
pub(super) async fn get_allowed_resources(
    State(app): State<App>,
    caller: Caller,
    Id(organization): Id<OrganizationId>,
) -> Result<Json<Allowed>, ApiError> {
    caller.permit_organization(Act::ReadOrganization, organization)?;
    let mut tx = app.db.system().await?;
    let found = resources_store::allowed(&mut tx, organization).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(not_found)
}

/// Say which protected APIs an organization may have
///
/// Replaces the lists that are given. Scopes that this takes from agents who hold them are taken only with `revokeHeld=true`; the tokens that
/// could be used for what is taken end. For members of the system organization.
#[utoipa::path(put, path = "/api/v1/organizations/{organizationId}/resources", operation_id = "set_allowed_resources", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization"), RevokeHeldParameter),
    request_body = AllowedChange,
    responses(
        (status = 200, description = "The lists as they are now", body = Allowed),
        (status = 400, description = "An entry is malformed or of no protected API; every bad entry is named", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 409, description = "The organization was deleted, or its agents hold what would be taken: `details` says how many", body = ErrorBody)))]
pub(super) async fn set_allowed_resources(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    StrictQuery(revoke_held): StrictQuery<RevokeHeld>,
    StrictJson(request): StrictJson<AllowedChange>,
) -> Result<Json<Allowed>, ApiError> {
    // Which protected APIs an organization may have, is not for the organization to say.
    caller.permit_platform(Act::ManageResources)?;
    let mut tx = app.db.system().await?;
    resources::lock(&mut tx).await?;
    let current = store::lock(&mut tx, organization).await?.ok_or_else(not_found)?;
    if current.status == OrganizationStatus::Deleted {
        return Err(deleted());
    }
    let old = resources_store::allowed(&mut tx, organization).await?.ok_or_else(not_found)?;
    let new = request.apply(&mut tx, &app, old.clone()).await?;
    let before = Rights::of_organization(&mut tx, &app, organization).await?;
    resources_store::set_allowed(&mut tx, organization, &new, app.now()).await?;
    if old.exceeds(&new) {
        resources::take_away(&mut tx, &app, &caller, &client, &before, revoke_held).await?;
    }
    let metadata = json!({ "fields": [RESOURCES, SCOPES], RESOURCES: new.allowed_resources, SCOPES: new.allowed_scopes });
    record(&mut tx, &app, &caller, &client, organization, Action::OrganizationUpdated, metadata).await?;
    tx.commit().await?;
    Ok(Json(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(resources: &[&str], scopes: &[&str]) -> Allowed {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Allowed { allowed_resources: owned(resources), allowed_scopes: owned(scopes) }
    }

    #[test]
    fn only_what_is_taken_exceeds_what_is_left() {
        let (none, some) = (allowed(&[], &[]), allowed(&["https://a.example"], &["a:read"]));
        assert!(!none.exceeds(&some) && !some.exceeds(&some) && !some.exceeds(&Allowed::any()));
        assert!(some.exceeds(&none) && Allowed::any().exceeds(&some));
        assert!(some.exceeds(&allowed(&["https://a.example"], &[])));
        assert!(some.exceeds(&allowed(&["https://b.example"], &["*"])));
    }
}
