//! What the edge does not answer itself goes to the control plane, as HTTP says a proxy forwards (RFC 9110 §7.6).

use agentidp_shared::discovery::PROTECTED_RESOURCE;
use agentidp_shared::scopes::ScopeSet;
use http::{HeaderValue, Request, Response};

use crate::authorization::{Presented, presented};
use crate::errors::Problem;
use crate::headers;
use crate::host::{Host, Peer};
use crate::judge::{Accepted, Audience, Rejected, judge_caller};
use crate::node::Node;
use crate::{limits, origin};

pub async fn forward<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Result<Response<H::Body>, Problem> {
    let (mut parts, body) = request.into_parts();
    let standing = match good_token(node, host, &parts.headers).await {
        Ok(Some(accepted)) => limits::admit_token(node, host, accepted.claims(), None).await?,
        Ok(None) => limits::admit_address(node, host, &parts, None).await?,
        Err(problem) => return Err(limits::count_refusal(node, host, &parts, problem).await),
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let scheme = parts.uri.scheme_str().unwrap_or("https").to_owned();
    let peer = parts.extensions.get::<Peer>().copied();
    parts.uri = origin::uri(node, target)?;
    parts.headers = headers::towards_origin(&parts.headers, &scheme, peer, request_id);
    let answer = host.fetch_origin(Request::from_parts(parts, body), origin::TIME_LIMIT_MS).await?;
    let mut answer = headers::towards_client(answer);
    standing.mark(answer.headers_mut());
    Ok(answer)
}

/// The request's token, if it has one that is known to be good. One that is known to be bad does not reach the control plane. One
/// that cannot be known does: it asks its database.
async fn good_token<H: Host>(
    node: &Node,
    host: &H,
    headers: &http::HeaderMap,
) -> Result<Option<Accepted>, Problem> {
    let Presented::Bearer(unverified_token) = presented(headers)? else { return Ok(None) };
    match judge_caller(node, host, unverified_token, Audience::Own, &ScopeSet::empty()).await {
        Ok(accepted) => Ok(Some(accepted)),
        Err(Rejected::Unknown | Rejected::Undecidable) => Ok(None),
        Err(rejected @ Rejected::Bad(_)) => {
            // RFC 9728 §5.1, as the control plane says it.
            let metadata = format!("{}{PROTECTED_RESOURCE}", node.config.issuer());
            Err(Problem::from(rejected).challenge(&[("resource_metadata", &metadata)]))
        }
    }
}
