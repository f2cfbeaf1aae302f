//! `POST /api/v1/oidc/token`: a token of a workload outside, for one of ours.

use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::judge::{self, NotExchanged, Presented};
use super::model::Provider;
use crate::app::App;
use crate::infra::config::Secret;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::tokens::{Target, TokenResponse};

/// A token to exchange.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct ExchangeOidcTokenRequest {
    /// Whose token it is.
    provider: Provider,
    /// The token, a JWT. It can be exchanged once.
    #[schema(value_type = String, max_length = 8_192)]
    token: Secret<String>,
    /// The agent to get a token for. If absent: a token that can register agents, and nothing else.
    #[schema(value_type = Option<uuid::Uuid>)]
    agent_id: Option<AgentId>,
}

impl FromFields for ExchangeOidcTokenRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let provider = input.required_parsed("provider", "github, gitlab, kubernetes, spiffe or oidc");
        let token = input.required_string("token", 1..=8_192).map(Secret::new);
        let agent_id = input.optional_parsed("agentId", "an agent's id: a UUID in its canonical form");
        Some(Self { provider: provider?, token: token?, agent_id })
    }
}

/// Exchange a workload's token
///
/// For a token of an agent that the workload's policy names, or for one that can register agents. Each token is accepted once. One that
/// is refused is not used up: under a key that its issuer has just begun to use it is accepted some seconds later.
#[utoipa::path(post, path = "/api/v1/oidc/token", operation_id = "exchange_oidc_token", tag = "Workload identity",
    security(()),
    request_body = ExchangeOidcTokenRequest,
    responses(
        (status = 200, description = "The access token", body = TokenResponse),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The token is not accepted; why is not told", body = ErrorBody),
        (status = 429, description = "Too many tokens that were not accepted", body = ErrorBody)))]
pub(super) async fn exchange_oidc_token(
    State(app): State<App>,
    client: ClientInfo,
    StrictJson(request): StrictJson<ExchangeOidcTokenRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let presented = Presented {
        provider: Some(request.provider),
        token: request.token,
        agent: request.agent_id,
        target: Target::default(),
    };
    let response = judge::exchange(&app, &client, &presented).await.map_err(|error| match error {
        // Nothing is asked for that could not be given.
        NotExchanged::NotAccepted | NotExchanged::NotGiven(_) => not_accepted(),
        NotExchanged::MustWait(seconds) => slow_down(seconds),
        NotExchanged::Internal(error) => error,
    })?;
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(response)))
}

fn not_accepted() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "OIDC_TOKEN_NOT_ACCEPTED", "the token is not accepted")
        .header(header::WWW_AUTHENTICATE, r#"Bearer realm="agentidp""#.to_owned())
        // Of any refused token alike. A key that its issuer has just begun to use is known by then.
        .header(header::RETRY_AFTER, "5".to_owned())
}

fn slow_down(seconds: u64) -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "RATE_LIMITED",
        "too many tokens that were not accepted; wait",
    )
    .header(header::RETRY_AFTER, seconds.to_string())
}
