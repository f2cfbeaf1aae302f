//! Token status lists, for verifiers that follow no feed. The control plane signs them; the edge passes them on, and none that has
//! expired.

use agentidp_shared::claims::StatusReference;
use agentidp_shared::ids::StatusListId;
use agentidp_shared::strict::{decode_base64url, parse_json_object};
use http::{HeaderValue, Response, StatusCode, request};
use serde_json::Value;

use crate::errors::Problem;
use crate::host::Host;
use crate::kept::{self, Fetch, Kept};
use crate::node::Node;
use crate::{documents, etag, limits};

const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// The list's own `ttl`.
const CACHE_FOR: &str = "public, max-age=30";
/// How long a copy answers without the control plane, in milliseconds: what has just been taken back should show.
const FRESH_FOR_MS: u64 = 5_000;
/// As long as a list lives.
const KEPT_FOR_SECONDS: u64 = 600;
const MAX_LIST_BYTES: usize = 256 * 1024;

/// The list at `path`, as it is written there.
pub fn unverified_list_at(path: &str) -> Option<&str> {
    path.strip_prefix(StatusReference::PATH).filter(|id| !id.is_empty() && !id.contains('/'))
}

pub async fn get_status_list<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    unverified_list: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    // Other spellings name no list.
    let list: StatusListId = unverified_list.parse().map_err(|_| no_such_list())?;
    limits::admit_address(node, host, request, None).await?;
    let path = format!("{}{list}", StatusReference::PATH);
    let uri = format!("{}{path}", node.config.issuer());
    let is_good = |token: &str| is_list(token, &uri, host.now_ms() / 1_000);
    let fetched = async {
        let refused = |status| (status == StatusCode::NOT_FOUND).then(no_such_list);
        let token = kept::fetch(node, host, request, request_id, &path, MAX_LIST_BYTES, refused).await?;
        if is_good(&token) { Ok(token) } else { Err(Fetch::Failed) }
    };
    let kept = Kept {
        key: format!("status-list/{list}"),
        as_of: String::new(),
        fresh_for_ms: FRESH_FOR_MS,
        ttl_seconds: KEPT_FOR_SECONDS,
    };
    let token = kept.get(host, fetched, is_good).await?;
    let tag = etag::of(token.as_bytes());
    documents::answer(&request.headers, MEDIA_TYPE, CACHE_FOR, &token, &tag)
}

/// Whether it is the list with this URI and has not expired. Its signature is for whoever relies on it to check.
fn is_list(token: &str, uri: &str, now: u64) -> bool {
    let claims = token.split('.').nth(1).and_then(|payload| decode_base64url(payload).ok());
    claims.and_then(|claims| parse_json_object(&claims).ok()).is_some_and(|claims| {
        let expires_at = claims.get("exp").and_then(Value::as_u64);
        claims.get("sub").and_then(Value::as_str) == Some(uri) && expires_at.is_some_and(|at| at > now)
    })
}

fn no_such_list() -> Problem {
    let message = "there is no list with this id";
    Problem::new(StatusCode::NOT_FOUND, "STATUS_LIST_NOT_FOUND", "invalid_request", message)
}
