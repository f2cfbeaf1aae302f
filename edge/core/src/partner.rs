//! `POST /api/v1/federation/verify`: whether a token is a partner's, by the keys that travel in the feed.
//!
//! What needs more than the edge knows goes to the control plane: a key that is not known here, which may be newer than what is, and
//! a body that is not as it must be, to be told what is wrong with it.

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::feed;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::outside_token::{self, Kind};
use agentidp_shared::partner::{Accepted, Refused, Verification};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::parse_json_object;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};

use crate::errors::Problem;
use crate::host::Host;
use crate::judge::{Audience, Rejected, authenticate};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::router::Routed;
use crate::{limits, methods, proxy};

pub const PATH: &str = "/api/v1/federation/verify";
const SCOPE: &str = "agents:read";
/// Largest request, in bytes: the longest token and audience, and room for the rest.
const MAX_BODY_BYTES: usize = 32 * 1024;

pub async fn verify_partner_token<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Result<Routed<H::Body>, Problem> {
    methods::only_post(request.method())?;
    let (request, body) = request.into_parts();
    let scopes = ScopeSet::parse(SCOPE).map_err(|_| Problem::no_state())?;
    let caller = authenticate(node, host, &request.headers, Audience::Own, &scopes).await;
    let caller = match caller {
        Ok(caller) => caller,
        Err(problem) => return Err(limits::count_refusal(node, host, &request, problem).await),
    };
    let body = host.read_body(body, MAX_BODY_BYTES).await?;
    let judged = match Asked::read(&body) {
        // Others' tokens are never judged by old knowledge: a partner may have been dropped since.
        Some(_) if caller.stale => return Err(Rejected::Unknown.into()),
        Some(asked) => judge(node, host, caller.claims().organization_id, &asked).await?,
        None => Err(Refused::Key),
    };
    if judged == Err(Refused::Key) {
        let request = Request::from_parts(request, host.body(body));
        return proxy::forward(node, host, request, request_id).await.map(Routed::Forwarded);
    }
    let standing = limits::admit_token(node, host, caller.claims(), None).await?;
    let verification = serde_json::to_vec(&Verification::from(judged)).map_err(|_| Problem::no_state())?;
    let mut response = Response::new(verification);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    standing.mark(headers);
    Ok(Routed::Own(response))
}

/// A body as it must be.
struct Asked {
    unverified_token: String,
    audience: Option<String>,
}

impl Asked {
    fn read(body: &[u8]) -> Option<Self> {
        let object = parse_json_object(body).ok()?;
        let known = |name: &String| matches!(name.as_str(), "token" | "audience");
        let text = |name: &str| object.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let audience = text("audience");
        let audience_is_good = match &audience {
            Some(audience) => (1..=MAX_URI_LENGTH).contains(&audience.len()),
            None => !object.contains_key("audience"),
        };
        let unverified_token = text("token")
            .filter(|token| (1..=agentidp_shared::verify::MAX_TOKEN_LENGTH).contains(&token.len()))?;
        (object.keys().all(known) && audience_is_good).then_some(Self { unverified_token, audience })
    }
}

/// What the token is for `organization`, which alone knows its partners.
async fn judge<H: Host>(
    node: &Node,
    host: &H,
    organization: OrganizationId,
    asked: &Asked,
) -> Result<Result<Accepted, Refused>, Rejected> {
    let unverified = match outside_token::parse(&asked.unverified_token, Kind::Partner) {
        Ok(unverified) => unverified,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let subject = || vec![feed::key_of_partner(organization, unverified.issuer())];
    H::Source::look_up(node, host, subject).await.map_err(|_| Rejected::Unknown)?;
    let found = node.knowledge.with(|state| {
        let partner = state.partner(organization, unverified.issuer());
        (partner, state.issuer.issuer.clone(), state.trusted_now_ms(host.now_ms()) / 1_000)
    });
    let Some((partner, own, now)) = found else { return Err(Rejected::Unknown) };
    let Some(partner) = partner else { return Ok(Err(Refused::Issuer)) };
    let key = match partner.key(&unverified, now) {
        Ok(key) => key,
        Err(refused) => return Ok(Err(refused)),
    };
    let valid = host.check_signature(key, unverified.signing_input(), unverified.signature());
    let authentic = match unverified.attest(valid) {
        Ok(authentic) => authentic,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    Ok(partner.accept(authentic, now, asked.audience.as_deref(), &own, organization))
}
