//! Metadata of organizations that have an issuer of their own. A node does not know which do: the control plane says so, through the
//! shared store. What the document says is what the node knows.

use agentidp_shared::discovery::organization_server_metadata;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed::{self, Subject};
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::issuer;
use agentidp_shared::strict::parse_json_object;
use http::{HeaderValue, Response, StatusCode, request};
use serde_json::Value;

use crate::errors::Problem;
use crate::host::Host;
use crate::judge::{Rejected, is_undecidable};
use crate::kept::{self, Fetch, Kept};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::{documents, etag, limits};

/// How long it is taken for granted that an organization has an issuer, in milliseconds.
const FRESH_FOR_MS: u64 = 60_000;
/// And while the control plane is away, in seconds. Less than an exception about a deleted organization stays in the feed.
const KEPT_FOR_SECONDS: u64 = 600;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

pub async fn get_organization_metadata<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    unverified_organization: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    // Other spellings name nobody.
    let organization: OrganizationId = unverified_organization.parse().map_err(|_| no_such_issuer())?;
    limits::admit_address(node, host, request, None).await?;
    H::Source::look_up(node, host, || vec![feed::key_of_organization(organization)])
        .await
        .map_err(|_| Problem::no_state())?;
    if is_undecidable(node, Subject::Organization(organization)) {
        return Err(Rejected::Undecidable.into());
    }
    let is_gone = node.knowledge.with(|state| {
        let exception = state.exceptions.organization(organization);
        exception.is_some_and(|exception| exception.standing == Standing::Gone)
    });
    match is_gone {
        None => return Err(Problem::no_state()),
        Some(true) => return Err(no_such_issuer()),
        Some(false) => {}
    }
    let kept = Kept {
        key: format!("issuer/{organization}"),
        as_of: String::new(),
        fresh_for_ms: FRESH_FOR_MS,
        ttl_seconds: KEPT_FOR_SECONDS,
    };
    kept.get(host, fetch(node, host, request, request_id, organization), |_| true).await?;
    let document = node.knowledge.with(|state| {
        let usable = state.age_ms(host.now_ms()) <= state.issuer.freshness.stale_if_error_ms;
        usable.then(|| organization_server_metadata(&documents::issuer_of(state), organization).to_string())
    });
    let document = document.flatten().ok_or_else(Problem::no_state)?;
    let tag = etag::of(document.as_bytes());
    documents::answer(&request.headers, "application/json", documents::CACHE_FOR, &document, &tag)
}

/// The issuer, if the control plane says that the organization has it.
async fn fetch<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    organization: OrganizationId,
) -> Result<String, Fetch> {
    let path = format!("{}{organization}/.well-known/openid-configuration", issuer::ORGANIZATIONS_PATH);
    let refused = |status| (status == StatusCode::NOT_FOUND).then(no_such_issuer);
    let text = kept::fetch(node, host, request, request_id, &path, MAX_DOCUMENT_BYTES, refused).await?;
    let own = node.knowledge.with(|state| issuer::of_organization(&state.issuer.issuer, organization));
    let claimed = parse_json_object(text.as_bytes()).ok();
    let claimed = claimed.as_ref().and_then(|document| document.get("issuer")).and_then(Value::as_str);
    own.filter(|own| claimed == Some(own)).ok_or(Fetch::Failed)
}

/// The same whether there is no such organization or it has no issuer: nobody learns here which organizations there are.
fn no_such_issuer() -> Problem {
    let message = "there is no issuer with this identifier";
    Problem::new(StatusCode::NOT_FOUND, "ISSUER_NOT_FOUND", "invalid_request", message)
}
