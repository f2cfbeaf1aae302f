//! `POST /oauth2/introspect` (RFC 7662), answered from what the node knows.

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::parse_json_object;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode, request};
use serde::Serialize;
use serde_json::Value;

use crate::authorization::{Presented, presented};
use crate::errors::{Problem, REALM};
use crate::form::{Parameters, percent_encode};
use crate::host::Host;
use crate::judge::{Accepted, Audience, Rejected, judge, judge_caller};
use crate::node::Node;
use crate::{limits, methods, origin};

const REQUIRED_SCOPE: &str = "tokens:read";
/// The parameters by which a client proves itself in the body (RFC 6749 §2.3.1, RFC 7521 §4.2).
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];
/// Largest request, in bytes: the longest token with every byte escaped, and room for the rest.
const MAX_BODY_BYTES: usize = 32 * 1024;
const MAX_TOKEN_ANSWER_BYTES: usize = 32 * 1024;

/// RFC 7662 §2.2. Of a token that is not active, or another organization's: only that.
#[derive(Debug, Default, Serialize)]
struct Introspection<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    claims: Option<&'a Claims>,
}

pub async fn introspect_token<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Result<Response<Vec<u8>>, Problem> {
    let (request, body) = request.into_parts();
    methods::only_post(&request.method)?;
    let body = host.read_body(body, MAX_BODY_BYTES).await?;
    let form = Parameters::from_body(&request.headers, &body)?;
    let requester = match requester(node, host, &request, request_id, &form).await {
        Ok(Requester::Known(accepted)) => accepted,
        Ok(Requester::Answered(answer)) => return Ok(answer),
        Err(problem) => return Err(limits::count_refusal(node, host, &request, problem).await),
    };
    let standing = limits::admit_token(node, host, requester.claims(), None).await?;
    let organization: OrganizationId = requester.claims().organization_id;
    let unverified_token = form.get("token").ok_or_else(|| Problem::invalid_request("token is required"))?;

    let judged = judge(node, host, unverified_token, Audience::Any, &ScopeSet::empty()).await;
    let active = match judged {
        Ok(accepted) => Some(accepted).filter(|token| token.claims().organization_id == organization),
        Err(Rejected::Bad(_)) => None,
        // Neither answer may be given: the token could have been revoked since, or its key be new.
        Err(undecided @ (Rejected::Unknown | Rejected::Undecidable)) => return Err(undecided.into()),
    };
    let introspection = match &active {
        Some(token) => {
            Introspection { active: true, token_type: Some("Bearer"), claims: Some(token.claims()) }
        }
        None => Introspection::default(),
    };
    let body = serde_json::to_vec(&introspection).map_err(|_| Problem::no_state())?;
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    requester.mark(headers);
    standing.mark(headers);
    if let Some(token) = &active {
        token.mark(headers);
    }
    Ok(response)
}

enum Requester {
    Known(Accepted),
    /// The control plane refused the client; its own words.
    Answered(Response<Vec<u8>>),
}

/// Who asks: by access token, or by client authentication, never both.
async fn requester<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    form: &Parameters,
) -> Result<Requester, Problem> {
    let in_form = PROOFS.iter().any(|name| form.get(name).is_some());
    match presented(&request.headers)? {
        Presented::Bearer(_) if in_form => {
            Err(Problem::invalid_request("an access token and client credentials: use one"))
        }
        Presented::Bearer(unverified_token) => {
            let accepted =
                judge_caller(node, host, unverified_token, Audience::Own, &required_scope()).await?;
            Ok(Requester::Known(accepted))
        }
        Presented::Nothing if !in_form => Err(client_unknown()),
        Presented::Basic | Presented::Nothing => {
            limits::admit_address(node, host, request, None).await?;
            exchange(node, host, request, request_id, form).await
        }
    }
}

fn required_scope() -> ScopeSet {
    ScopeSet::parse(REQUIRED_SCOPE).unwrap_or_default()
}

fn client_unknown() -> Problem {
    let message = "an access token or client authentication is required";
    Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "invalid_client", message)
        .challenge(&[])
        .header(WWW_AUTHENTICATE, basic_challenge())
}

fn basic_challenge() -> HeaderValue {
    HeaderValue::try_from(format!("Basic realm=\"{REALM}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"))
}

/// Lets the control plane say whether the client is who it claims to be and may ask: by getting a token for it, with the
/// scope that asking takes. Neither the credentials nor the token are kept.
async fn exchange<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    form: &Parameters,
) -> Result<Requester, Problem> {
    let mut wanted = format!("grant_type=client_credentials&scope={}", percent_encode(REQUIRED_SCOPE));
    // As they came: what two methods at once mean, or half of one, is for the control plane to say.
    for name in ["client_id"].iter().chain(&PROOFS) {
        if let Some(value) = form.get(name) {
            wanted = format!("{wanted}&{name}={}", percent_encode(value));
        }
    }
    let mut asked = origin::post_form(node, host, request, request_id, "/oauth2/token", wanted)?;
    if let Some(credentials) = request.headers.get(AUTHORIZATION) {
        asked.headers_mut().insert(AUTHORIZATION, credentials.clone());
    }
    let (answer, body) = host.fetch_origin(asked, origin::TIME_LIMIT_MS).await?.into_parts();
    let body = host.read_body(body, MAX_TOKEN_ANSWER_BYTES).await.map_err(|_| bad_answer())?;
    let object = parse_json_object(&body).map_err(|_| bad_answer())?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    match answer.status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST if text("error") == Some("invalid_scope") => {
            let message = "this needs the scope tokens:read";
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "INSUFFICIENT_SCOPE",
                "insufficient_scope",
                message,
            )
            .challenge(&[("error", "insufficient_scope"), ("scope", REQUIRED_SCOPE)]));
        }
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS
            if text("error").is_some() =>
        {
            let mut refused = Response::new(body);
            *refused.status_mut() = answer.status;
            refused.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            refused.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
                if let Some(value) = answer.headers.get(&name) {
                    refused.headers_mut().insert(name, value.clone());
                }
            }
            return Ok(Requester::Answered(refused));
        }
        _ => return Err(bad_answer()),
    }
    let token = text("access_token").ok_or_else(bad_answer)?;
    match judge(node, host, token, Audience::Own, &required_scope()).await {
        Ok(accepted) => Ok(Requester::Known(accepted)),
        // Not the caller's fault: its credentials were good a moment ago.
        Err(_) => Err(Rejected::Unknown.into()),
    }
}

fn bad_answer() -> Problem {
    let message = "the control plane could not authenticate the client just now";
    Problem::new(StatusCode::BAD_GATEWAY, "ORIGIN_UNREACHABLE", "temporarily_unavailable", message)
}
