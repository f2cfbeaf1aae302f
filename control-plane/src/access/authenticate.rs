//! Which caller an access token proves.

use std::sync::Arc;

use agentidp_shared::discovery::PROTECTED_RESOURCE;
use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{self, Expectation, Verdict};
use axum::http::{HeaderMap, StatusCode, header};

use super::caller::Caller;
use super::principal::Door;
use super::rules::Right;
use super::store;
use crate::app::App;
use crate::delegation;
use crate::infra::clock::unix_seconds;
use crate::infra::http::error::ApiError;

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
    let (standings, token_revoked) = store::standings(&mut tx, &claims).await?;
    let chain_stands = claims.delegation.is_none() || delegation::stands(&mut tx, &claims).await?;
    tx.commit().await?;
    let find = |id| standings.iter().find(|standing| standing.principal.id == id);
    let (Some(subject), Some(actor)) = (find(claims.sub), find(claims.client_id)) else {
        return Err(invalid_token(app, "the agent does not exist"));
    };
    if token_revoked {
        return Err(invalid_token(app, "the token was revoked"));
    }
    if !chain_stands {
        return Err(invalid_token(app, "the token, or one that it was derived from, was revoked"));
    }
    if !subject.is_active || !actor.is_active {
        return Err(invalid_token(app, "the agent or its organization is not active"));
    }
    let is_refused = |not_before: Option<u64>| not_before.is_some_and(|limit| claims.iat <= limit);
    if is_refused(subject.not_before) || is_refused(actor.not_before) {
        return Err(invalid_token(app, "tokens issued so far were revoked"));
    }
    let door = match () {
        () if claims.delegation.is_some() => Door::Delegated,
        () if subject.only_registers => Door::Bootstrap,
        () if claims.sub != claims.client_id => Door::Borrowed,
        () => Door::Own,
    };
    // The client of a delegated token uses the subject's scopes, not its own.
    let limited = [Some(subject), Some(actor).filter(|_| door != Door::Delegated)];
    let exceeds = |standing: &store::Standing| {
        let limit = standing.scope_limit.as_ref();
        limit.is_some_and(|(scopes, until)| claims.iat <= *until && !claims.scopes.is_subset_of(scopes))
    };
    if limited.into_iter().flatten().any(exceeds) {
        return Err(invalid_token(app, "the agent's scopes were reduced"));
    }
    let caller = Caller {
        agent_id: claims.sub,
        organization_id: claims.organization_id,
        scopes: claims.scopes.clone(),
        jti: claims.jti,
        right: Right {
            actor: actor.principal.clone(),
            subject: subject.principal.clone(),
            scopes: claims.scopes.clone(),
            door,
            is_system: subject.is_system && actor.is_system,
        },
        token: Arc::new(claims),
    };
    Ok(Some(caller))
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

/// The caller lacks all of `required`, or, with `any`, each of them.
pub(super) fn insufficient_scope(app: &App, required: &ScopeSet, any: bool) -> ApiError {
    let parameters = [("error", "insufficient_scope"), ("scope", &required.to_string())];
    let message = if any {
        format!("this needs one of the scopes {required}")
    } else {
        format!("this needs the scope {required}")
    };
    ApiError::new(StatusCode::FORBIDDEN, "INSUFFICIENT_SCOPE", message)
        .details(serde_json::json!({ "requiredScopes": required }))
        .header(header::WWW_AUTHENTICATE, challenge(app, &parameters))
}
