//! `/verify`: forward authentication for a proxy in front of somebody's API (nginx `auth_request`, Traefik `ForwardAuth`,
//! Envoy `ext_authz`). The token under test is the request's own (RFC 6750 §2.1); the query says what it must be good for.

use agentidp_shared::claims::{Claims, MAX_URI_LENGTH};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::usage::Decision;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, Response, request};

use crate::errors::Problem;
use crate::form::Parameters;
use crate::host::Host;
use crate::judge::{Audience, authenticate};
use crate::node::Node;
use crate::{methods, usage};

/// Longest query looked at, in bytes: the scopes and the audience, every byte escaped.
const MAX_QUERY_LENGTH: usize = 16 * 1024;

/// 200 with who it is; 401, 403 with a challenge; 503 if that cannot be known.
pub async fn verify_token<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
) -> Result<Response<Vec<u8>>, Problem> {
    methods::read_or_post(&request.method)?;
    let (scopes, audience) = demands(request.uri.query().unwrap_or_default())?;
    let demanded = audience.as_deref().map_or(Audience::Own, Audience::This);
    let accepted = authenticate(node, host, &request.headers, demanded, &scopes).await;
    let upstream =
        node.config.upstreams().iter().find(|upstream| audience.as_ref() == Some(&upstream.audience));
    let accepted = accepted.map_err(|problem| match upstream {
        Some(upstream) => upstream.explain(problem, &scopes),
        None => problem,
    })?;
    usage::count(node, host, accepted.claims(), Decision::Allowed);
    let mut response = Response::new(Vec::new());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    accepted.mark(headers);
    name_agent(headers, accepted.claims());
    Ok(response)
}

/// `scope` and `audience`. Anything else is refused: a misspelt demand that is ignored would let everyone through.
fn demands(query: &str) -> Result<(ScopeSet, Option<String>), Problem> {
    if query.len() > MAX_QUERY_LENGTH {
        return Err(Problem::invalid_request("the query is too long"));
    }
    let query = Parameters::parse(query)?;
    if query.unknown(&["scope", "audience"]).is_some() {
        return Err(Problem::invalid_request("the parameters of this endpoint are scope and audience"));
    }
    let scopes = ScopeSet::parse(query.get("scope").unwrap_or_default())
        .map_err(|error| Problem::invalid_request(format!("scope: {error}")))?;
    let audience = query.get("audience");
    if audience.is_some_and(|audience| audience.len() > MAX_URI_LENGTH) {
        return Err(Problem::invalid_request("audience: too long"));
    }
    Ok((scopes, audience.map(str::to_owned)))
}

pub fn name_agent(headers: &mut HeaderMap, claims: &Claims) {
    for (name, value) in [
        ("x-agent-id", claims.sub.to_string()),
        ("x-agent-scopes", claims.scopes.to_string()),
        ("x-agent-organization", claims.organization_id.to_string()),
    ] {
        // Ids and scopes are printable ASCII by their types.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
