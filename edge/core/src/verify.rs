//! `/verify`: forward authentication for a proxy in front of somebody's API (nginx `auth_request`, Traefik `ForwardAuth`,
//! Envoy `ext_authz`). The token under test is the request's own (RFC 6750 §2.1); the query says what it must be good for.
//!
//! Below `/verify/` the rest of the path, the query and the method are those of the original request, which Envoy passes on,
//! and demand nothing.

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
use crate::router::VERIFY_PATH;
use crate::served::Served;
use crate::{limits, usage};

/// Longest query looked at, in bytes: the scopes and the audience, every byte escaped.
const MAX_QUERY_LENGTH: usize = 16 * 1024;

/// 200 with who it is; 401, 403 with a challenge; 503 if that cannot be known.
pub async fn verify_token<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
) -> Result<Response<Vec<u8>>, Problem> {
    let Demands { scopes, audience, organizations } = if request.uri.path() == VERIFY_PATH {
        Demands::read(request.uri.query().unwrap_or_default())?
    } else {
        Demands::default()
    };
    let demanded = audience.as_deref().map_or(Audience::Own, Audience::This);
    let accepted = authenticate(node, host, &request.headers, demanded, &scopes).await;
    let upstream =
        node.config.upstreams().iter().find(|upstream| audience.as_ref() == Some(&upstream.audience));
    let explain = |problem| match upstream {
        Some(upstream) => upstream.explain(problem, &scopes),
        None => problem,
    };
    let accepted = accepted.map_err(explain)?;
    if let Some(Err(problem)) = organizations.map(|served| served.check(accepted.claims())) {
        usage::count(node, host, accepted.claims(), Decision::Denied);
        return Err(explain(problem));
    }
    let standing = limits::admit_token(node, host, accepted.claims(), None).await?;
    let mut response = Response::new(Vec::new());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    accepted.mark(headers);
    standing.mark_if_scarce(headers);
    name_agent(headers, accepted.claims());
    Ok(response)
}

/// What a token must be good for.
#[derive(Default)]
struct Demands {
    scopes: ScopeSet,
    /// The issuer itself if `None`.
    audience: Option<String>,
    /// Every organization's if `None`.
    organizations: Option<Served>,
}

impl Demands {
    /// `scope`, `audience` and `organization`. Anything else is refused: a misspelt demand that is ignored would let everyone through,
    /// and so would an organization that was forgotten to be filled in.
    fn read(query: &str) -> Result<Self, Problem> {
        if query.len() > MAX_QUERY_LENGTH {
            return Err(Problem::invalid_request("the query is too long"));
        }
        let query = Parameters::parse(query)?;
        if query.unknown(&["scope", "audience", "organization"]).is_some() {
            let message = "the parameters of this endpoint are scope, audience and organization";
            return Err(Problem::invalid_request(message));
        }
        let scopes = ScopeSet::parse(query.get("scope").unwrap_or_default())
            .map_err(|error| Problem::invalid_request(format!("scope: {error}")))?;
        let audience = query.get("audience");
        if audience.is_some_and(|audience| audience.len() > MAX_URI_LENGTH) {
            return Err(Problem::invalid_request("audience: too long"));
        }
        let organization = query.has("organization").then(|| query.get("organization").unwrap_or_default());
        let organizations = organization
            .map(Served::parse)
            .transpose()
            .map_err(|reason| Problem::invalid_request(format!("organization: {reason}")))?;
        Ok(Self { scopes, audience: audience.map(str::to_owned), organizations })
    }
}

/// Who makes the call, and how far they may go; and if they do so on somebody's behalf, whose, and through whom.
pub fn name_agent(headers: &mut HeaderMap, claims: &Claims) {
    let on_behalf = claims.delegation.as_ref().filter(|chain| chain.agents().len() > 1);
    let caller = if on_behalf.is_some() { claims.client_id } else { claims.sub };
    for (name, value) in [
        ("x-agent-id", caller.to_string()),
        ("x-agent-scopes", claims.scopes.to_string()),
        ("x-agent-organization", claims.organization_id.to_string()),
    ] {
        // Ids and scopes are printable ASCII by their types.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let Some(chain) = on_behalf else { return };
    let through: Vec<_> = chain.agents().iter().map(ToString::to_string).collect();
    let abroad =
        chain.foreign_holder().map(|organization| ("x-agent-home-organization", organization.to_string()));
    let delegation =
        [("x-agent-on-behalf-of", claims.sub.to_string()), ("x-agent-delegation", through.join(" "))];
    for (name, value) in delegation.into_iter().chain(abroad) {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
