//! `/api/v1/keys`: the signing keys, for members of the system organization.

use agentidp_shared::jwk::Algorithm;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ChangedBy, RevokeError, RotateError, SigningKeyInfo};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_signing_keys))
        .routes(routes!(rotate_signing_key))
        .routes(routes!(revoke_signing_key))
}

/// The keys that are published, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct SigningKeys {
    data: Vec<SigningKeyInfo>,
}

/// Which key to replace.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct RotateParameters {
    /// `ES256`, `EdDSA` or `RS256`; that of the instance if absent.
    #[param(value_type = Option<String>)]
    algorithm: Option<Algorithm>,
}

impl FromFields for RotateParameters {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { algorithm: fields.optional_parsed("algorithm", "ES256, EdDSA or RS256") })
    }
}

/// What signs after a key was revoked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RevokedSigningKey {
    /// The key that signs now.
    signing: SigningKeyInfo,
}

/// List the signing keys
///
/// Those that wait, that sign, and that are still published for the tokens they signed.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "list_signing_keys", tag = "Keys",
    responses(
        (status = 200, description = "The keys", body = SigningKeys),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody)))]
async fn list_signing_keys(State(app): State<App>, caller: Caller) -> Result<Json<SigningKeys>, ApiError> {
    caller.permit_platform(Act::ReadPlatform)?;
    let data = super::list(&app).await.map_err(ApiError::internal)?;
    Ok(Json(SigningKeys { data }))
}

/// Publish a new signing key
///
/// It signs once every edge knows it, within seconds; the key before it stays published until its last token has expired.
#[utoipa::path(post, path = "/api/v1/keys/rotate", operation_id = "rotate_signing_key", tag = "Keys",
    params(RotateParameters),
    responses(
        (status = 202, description = "The key that will sign", body = SigningKeyInfo),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 409, description = "A key is already waiting, nobody has chosen the algorithm, or as many are published as an edge takes", body = ErrorBody)))]
async fn rotate_signing_key(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    StrictQuery(parameters): StrictQuery<RotateParameters>,
) -> Result<(StatusCode, Json<SigningKeyInfo>), ApiError> {
    caller.permit_platform(Act::RotateSigningKeys)?;
    let by = ChangedBy::Caller(&caller, &client);
    match super::rotate(&app, parameters.algorithm, by).await {
        Ok(key) => Ok((StatusCode::ACCEPTED, Json(key))),
        Err(error @ RotateError::NextKeyWaiting { .. }) => {
            Err(ApiError::conflict("KEY_WAITING", error.to_string()))
        }
        Err(error @ RotateError::NotInUse(_)) => {
            Err(ApiError::conflict("ALGORITHM_NOT_IN_USE", error.to_string()))
        }
        Err(error @ RotateError::TooMany(_)) => Err(ApiError::conflict("TOO_MANY_KEYS", error.to_string())),
        Err(error) => Err(ApiError::internal(error)),
    }
}

/// Revoke a signing key
///
/// For a key that leaked, or may have: it is removed at once, and every token it signed is refused from now on, the caller's own
/// included if it is one of them. If it was the one that signs, another signs from now on.
#[utoipa::path(post, path = "/api/v1/keys/{kid}/revoke", operation_id = "revoke_signing_key", tag = "Keys",
    params(("kid" = String, Path, description = "The key's id, as in the header of its tokens")),
    responses(
        (status = 200, description = "The key that signs now", body = RevokedSigningKey),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 404, description = "There is no such key, or it was removed before", body = ErrorBody)))]
async fn revoke_signing_key(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Path(unverified_kid): Path<String>,
) -> Result<Json<RevokedSigningKey>, ApiError> {
    caller.permit_platform(Act::RotateSigningKeys)?;
    match super::revoke(&app, &unverified_kid, ChangedBy::Caller(&caller, &client)).await {
        Ok(signing) => Ok(Json(RevokedSigningKey { signing })),
        Err(RevokeError::NotFound(_)) => Err(ApiError::not_found(
            "KEY_NOT_FOUND",
            "there is no key with this id, or it was removed before",
        )),
        Err(error) => Err(ApiError::internal(error)),
    }
}
