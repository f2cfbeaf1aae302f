//! The gateway: an API behind the edge, protected by forwarding to it what its rules allow.
//!
//! A request belongs to an upstream by its host or by a prefix of its path. Its path must mean one thing only; a rule must
//! name it; its token must be for this upstream and hold the rule's scopes; a condition of the operator's own may have the
//! last word. Whatever is not allowed is refused, and who asks is told where to learn how to ask better (RFC 9728).

mod forward;
mod metadata;
mod path;
mod place;
mod policy;
mod rules;
mod upstream;

use std::rc::Rc;

use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::usage::Decision;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, request};

use crate::cors;
use crate::errors::{Problem, Shape};
use crate::host::{Host, Severity};
use crate::judge::{Accepted, Audience, authenticate};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::router::Routed;
use crate::{limits, usage};

use policy::PolicyInput;
use rules::Demand;
use upstream::Cors;
pub use upstream::{Upstream, read_upstreams};

/// Whose a request is.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// To be judged and forwarded.
    Api(&'a Upstream),
    /// For what the edge says of it.
    Metadata(&'a Upstream),
}

/// The upstream that a URI belongs to.
pub fn find<'a>(upstreams: &'a [Upstream], uri: &Uri) -> Result<Option<Found<'a>>, Problem> {
    if upstreams.is_empty() {
        return Ok(None);
    }
    let host = place::host_of(uri).ok_or_else(|| {
        let message = "the host is not written as a plain name";
        Problem::new(StatusCode::BAD_REQUEST, "INVALID_HOST", "invalid_request", message)
    })?;
    let path = uri.path();
    let found = |upstream: &'a Upstream| {
        if upstream.metadata.is_at(path) { Found::Metadata(upstream) } else { Found::Api(upstream) }
    };
    if let Some(upstream) = upstreams.iter().find(|upstream| upstream.place.host() == Some(&host)) {
        return Ok(Some(found(upstream)));
    }
    let is_there = |upstream: &&Upstream| {
        let prefix = upstream.place.prefix();
        prefix.is_some_and(|prefix| place::is_below(path, prefix) || upstream.metadata.is_at(path))
    };
    Ok(upstreams.iter().find(is_there).map(found))
}

/// Answers a request that is an upstream's.
pub async fn serve<H: Host>(
    node: &Rc<Node>,
    host: &Rc<H>,
    found: Found<'_>,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Routed<H::Body> {
    let answer = match found {
        Found::Metadata(upstream) => {
            let (parts, _) = request.into_parts();
            cors::document(&parts.method, async { upstream.metadata.get(&parts) }).await.map(Routed::Own)
        }
        Found::Api(upstream) => pass(node, host, upstream, request, request_id)
            .await
            .map(Routed::Forwarded)
            .map_err(|problem| upstream.cors.open(problem)),
    };
    answer.unwrap_or_else(|problem| Routed::Own(problem.into_response(Shape::Management)))
}

async fn pass<H: Host>(
    node: &Rc<Node>,
    host: &Rc<H>,
    upstream: &Upstream,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Result<Response<H::Body>, Problem> {
    let (parts, body) = request.into_parts();
    let allowed = match decide(node, host, upstream, &parts, request_id).await {
        Ok(allowed) => allowed,
        Err(problem) => return Err(limits::count_refusal(node, &**host, &parts, problem).await),
    };
    let limit = upstream.rate_limit.map(|limit| (upstream.name.as_str(), limit));
    let standing = match &allowed {
        Allowed::Agent(accepted) => limits::admit_token(node, &**host, accepted.claims(), limit).await?,
        Allowed::Anyone | Allowed::Preflight => limits::admit_address(node, &**host, &parts, limit).await?,
    };
    let (accepted, body) = match allowed {
        Allowed::Agent(accepted) => (Some(accepted), body),
        Allowed::Anyone => (None, body),
        Allowed::Preflight => (None, host.body(Vec::new())),
    };
    let request = (parts, body);
    let mut answer =
        forward::forward(node, &**host, upstream, request, request_id, accepted.as_ref()).await?;
    if let Some(accepted) = accepted {
        accepted.mark(answer.headers_mut());
    }
    standing.mark(answer.headers_mut());
    Ok(answer)
}

/// Whose request may go on.
enum Allowed {
    Agent(Accepted),
    /// At a public path.
    Anyone,
    /// Of a browser, which asks on behalf of a script, and without its token.
    Preflight,
}

async fn decide<H: Host>(
    node: &Rc<Node>,
    host: &Rc<H>,
    upstream: &Upstream,
    request: &request::Parts,
    request_id: &HeaderValue,
) -> Result<Allowed, Problem> {
    let segments = path::segments(request.uri.path()).map_err(|ambiguous| {
        Problem::new(StatusCode::BAD_REQUEST, "INVALID_PATH", "invalid_request", ambiguous.to_string())
    })?;
    let preflight = upstream.cors.preflight_for(request);
    let method = preflight.as_ref().unwrap_or(&request.method);
    let Some(demand) = upstream.rules.find(method, &segments) else {
        let (name, id) = (&upstream.name, request_id.to_str().unwrap_or_default());
        let line = format!("upstream `{name}`: no rule for the method and path of request {id}");
        host.log(Severity::Info, &line);
        let problem = denied("NO_RULE", "no rule allows this method at this path");
        return Err(upstream.explain(problem, &ScopeSet::empty()));
    };
    if preflight.is_some() {
        return Ok(Allowed::Preflight);
    }
    let none = ScopeSet::empty();
    let (scopes, allowed) = match demand {
        Demand::Nothing => (&none, Allowed::Anyone),
        Demand::Token { scopes, organizations } => {
            H::Source::keep_up(node, host).await;
            let audience = Audience::This(&upstream.audience);
            let accepted = authenticate(node, &**host, &request.headers, audience, scopes).await;
            let accepted = accepted.map_err(|problem| upstream.explain(problem, scopes))?;
            // Both lists, if there are both: a rule narrows what the upstream says.
            for served in upstream.organizations.iter().chain(organizations) {
                if let Err(problem) = served.check(accepted.claims()) {
                    usage::count(node, &**host, accepted.claims(), Decision::Denied);
                    return Err(upstream.explain(problem, scopes));
                }
            }
            (scopes, Allowed::Agent(accepted))
        }
    };
    if !satisfies_policy(&**host, upstream, request, &segments, &allowed) {
        if let Allowed::Agent(accepted) = &allowed {
            usage::count(node, &**host, accepted.claims(), Decision::Denied);
        }
        let problem = denied("DENIED_BY_POLICY", "the policy of this API does not allow this request");
        return Err(upstream.explain(problem, scopes));
    }
    Ok(allowed)
}

fn satisfies_policy(
    host: &impl Host,
    upstream: &Upstream,
    request: &request::Parts,
    segments: &[String],
    allowed: &Allowed,
) -> bool {
    let Some(policy) = &upstream.policy else { return true };
    let agent = if let Allowed::Agent(accepted) = allowed { Some(accepted.claims()) } else { None };
    let input = PolicyInput {
        upstream: &upstream.name,
        method: request.method.as_str(),
        path: &format!("/{}", segments.join("/")),
        host: &place::host_of(&request.uri).unwrap_or_default(),
        agent,
    };
    policy.allows(input).unwrap_or_else(|error| {
        host.log(Severity::Error, &format!("the policy of upstream `{}` fails: {error}", upstream.name));
        false
    })
}

fn denied(code: &'static str, message: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, "access_denied", message).challenge(&[])
}

impl Upstream {
    /// Adds to a challenge where to learn what this upstream asks for (RFC 9728 §5.1), and which scopes would do.
    pub fn explain(&self, problem: Problem, scopes: &ScopeSet) -> Problem {
        if !problem.is_challenge() {
            return problem;
        }
        let problem = problem.challenge(&[("resource_metadata", &self.metadata.url)]);
        if scopes.is_empty() { problem } else { problem.challenge(&[("scope", &scopes.to_string())]) }
    }
}

impl Cors {
    /// The method that a preflight asks for, if those are passed on (Fetch standard, "CORS-preflight request").
    fn preflight_for(self, request: &request::Parts) -> Option<Method> {
        if self == Self::Refuse || request.method != Method::OPTIONS || !request.headers.contains_key(ORIGIN)
        {
            return None;
        }
        Method::from_bytes(request.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
    }

    /// Lets scripts read a refusal.
    fn open(self, problem: Problem) -> Problem {
        if self == Self::Refuse {
            return problem;
        }
        let exposed = HeaderValue::from_static("www-authenticate, retry-after, x-request-id");
        problem
            .header(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
            .header(ACCESS_CONTROL_EXPOSE_HEADERS, exposed)
    }
}
