//! Whether a token is good: the signature once, everything else at every use, and whether what the node knows is fresh
//! enough to say so.

use std::rc::Rc;

use agentidp_shared::claims::Claims;
use agentidp_shared::feed::{self, Subject};
use agentidp_shared::freshness::{self, Freshness};
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::usage::Decision;
use agentidp_shared::verify::{self, Authentic, Expectation, Refusal, Unverified};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::authorization::{Presented, presented};
use crate::errors::Problem;
use crate::headers::STATE_STALE;
use crate::host::Host;
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::usage;

/// What a token must be good for.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// This edge's own issuer: the management API.
    Own,
    This(&'a str),
    /// For introspection: whatever the token says.
    Any,
}

/// A token that is good.
#[derive(Debug)]
pub struct Accepted {
    authentic: Rc<Authentic>,
    /// By knowledge older than usual, which the answer must say.
    pub stale: bool,
}

impl Accepted {
    pub fn claims(&self) -> &Claims {
        self.authentic.unjudged_claims()
    }

    /// What an answer that rests on old knowledge carries.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if self.stale {
            headers.insert(STATE_STALE, HeaderValue::from_static("true"));
        }
    }
}

/// Why a token is not good.
#[derive(Debug)]
pub enum Rejected {
    /// It is known to be bad. That stays so however old the knowledge is.
    Bad(Refusal),
    /// It cannot be known.
    Unknown,
    /// Something was said of its subject that this edge does not understand.
    Undecidable,
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Undecidable => Self::Undecidable,
            refusal => Self::Bad(refusal),
        }
    }
}

impl From<Rejected> for Problem {
    /// RFC 6750 §3.1; 503 where the edge cannot know.
    fn from(rejected: Rejected) -> Self {
        let refusal = match rejected {
            Rejected::Bad(refusal) => refusal,
            Rejected::Unknown => {
                let message = "what this edge knows is too old to decide on this token; try again shortly";
                return Self::unavailable("STATE_TOO_OLD", message, 5);
            }
            Rejected::Undecidable => {
                let message = "this edge was told something about this token's agent or organization that it does not understand; it must be updated";
                return Self::unavailable("CHANGE_NOT_UNDERSTOOD", message, 30);
            }
        };
        let description = refusal.to_string();
        let error = refusal.error_code();
        if let Refusal::InsufficientScope { required } = &refusal {
            let scope = required.to_string();
            return Self::new(StatusCode::FORBIDDEN, "INSUFFICIENT_SCOPE", error, description.clone())
                .challenge(&[("error", error), ("error_description", &description), ("scope", &scope)]);
        }
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", error, description.clone())
            .challenge(&[("error", error), ("error_description", &description)])
    }
}

/// Judges the token that a request presents as its own (RFC 6750 §2.1).
pub async fn authenticate<H: Host>(
    node: &Node,
    host: &H,
    headers: &HeaderMap,
    audience: Audience<'_>,
    scopes: &ScopeSet,
) -> Result<Accepted, Problem> {
    match presented(headers)? {
        Presented::Bearer(_) if node.knowledge.known().is_none() => Err(Problem::no_state()),
        Presented::Bearer(unverified_token) => {
            Ok(judge_caller(node, host, unverified_token, audience, scopes).await?)
        }
        Presented::Nothing | Presented::Basic => Err(Problem::unauthenticated()),
    }
}

/// Judges the token of whoever is calling: a call that is not let through for it is counted. One that is, is for those to count
/// who know whether it is let through in the end.
pub async fn judge_caller<H: Host>(
    node: &Node,
    host: &H,
    unverified_token: &str,
    audience: Audience<'_>,
    scopes: &ScopeSet,
) -> Result<Accepted, Rejected> {
    let (authentic, judged) = examine(node, host, unverified_token, audience, scopes).await;
    if let (Some(authentic), Err(rejected)) = (authentic, &judged) {
        let decision = match rejected {
            Rejected::Bad(_) => Decision::Denied,
            Rejected::Unknown | Rejected::Undecidable => Decision::Unknown,
        };
        usage::count(node, host, authentic.unjudged_claims(), decision);
    }
    judged
}

/// Judges a token by what the node knows now.
pub async fn judge<H: Host>(
    node: &Node,
    host: &H,
    unverified_token: &str,
    audience: Audience<'_>,
    scopes: &ScopeSet,
) -> Result<Accepted, Rejected> {
    examine(node, host, unverified_token, audience, scopes).await.1
}

/// As [`judge`], for a caller that may learn why a token of its own organization is not good, and of others' nothing at all: `None`.
pub async fn judge_own<H: Host>(
    node: &Node,
    host: &H,
    unverified_token: &str,
    organization: OrganizationId,
) -> Option<Result<Accepted, Rejected>> {
    let (authentic, judged) = examine(node, host, unverified_token, Audience::Any, &ScopeSet::empty()).await;
    match authentic {
        Some(authentic) if authentic.unjudged_claims().organization_id == organization => Some(judged),
        None if matches!(judged, Err(Rejected::Unknown)) => Some(judged),
        _ => None,
    }
}

/// The verdict, and the token if one of our keys has signed it, whatever the verdict.
async fn examine<H: Host>(
    node: &Node,
    host: &H,
    unverified_token: &str,
    audience: Audience<'_>,
    scopes: &ScopeSet,
) -> (Option<Rc<Authentic>>, Result<Accepted, Rejected>) {
    let fingerprint = node.knowledge.verified.borrow().fingerprint(unverified_token);
    let remembered = node.knowledge.verified.borrow_mut().get(fingerprint);
    let was_remembered = remembered.is_some();
    let authentic = match remembered {
        Some(authentic) => authentic,
        None => match check_signature(node, host, unverified_token).await {
            Ok(authentic) => Rc::new(authentic),
            // A key this node has not heard of may be newer than its knowledge.
            Err(Refusal::UnknownKey) if !is_fresh(node, host) => return (None, Err(Rejected::Unknown)),
            Err(refusal) => return (None, Err(refusal.into())),
        },
    };
    let subjects = || feed::keys_concerning(authentic.unjudged_claims());
    let looked_up = H::Source::look_up(node, host, subjects).await.map_err(|_| Rejected::Unknown);
    let judged =
        looked_up.and_then(|()| decide(node, host.now_ms(), Rc::clone(&authentic), audience, scopes));
    if judged.is_ok() && !was_remembered {
        node.knowledge.verified.borrow_mut().insert(fingerprint, Rc::clone(&authentic));
    }
    (Some(authentic), judged)
}

async fn check_signature<H: Host>(
    node: &Node,
    host: &H,
    unverified_token: &str,
) -> Result<Authentic, Refusal> {
    let (keys, newer);
    keys = node.knowledge.keys();
    let unverified: Unverified<'_> = match verify::parse(unverified_token, &keys) {
        Err(Refusal::UnknownKey) if H::Source::renew_for_unknown_key(node, host).await => {
            newer = node.knowledge.keys();
            verify::parse(unverified_token, &newer)?
        }
        parsed => parsed?,
    };
    let valid = host.check_signature(unverified.key(), unverified.signing_input(), unverified.signature());
    unverified.attest(valid)
}

fn decide(
    node: &Node,
    host_now_ms: u64,
    authentic: Rc<Authentic>,
    audience: Audience<'_>,
    scopes: &ScopeSet,
) -> Result<Accepted, Rejected> {
    let freshness = node.knowledge.with(|state| {
        let claims = authentic.unjudged_claims();
        let audience = match audience {
            Audience::Own => state.issuer.issuer.as_str(),
            Audience::This(audience) => audience,
            Audience::Any => claims.aud.first().map_or("", String::as_str),
        };
        let expected = Expectation { issuer: &state.issuer.issuer, audience, scopes };
        let now = state.trusted_now_ms(host_now_ms) / 1_000;
        authentic.judge(&state.keys, &state.exceptions, now, &expected)?;
        Ok::<_, Refusal>(freshness::assess(state.age_ms(host_now_ms), claims, &state.issuer.freshness))
    });
    match freshness.transpose()? {
        Some(Freshness::Fresh) => Ok(Accepted { authentic, stale: false }),
        Some(Freshness::StaleReadOnly) => Ok(Accepted { authentic, stale: true }),
        Some(Freshness::Unknown) | None => Err(Rejected::Unknown),
    }
}

/// Whether the node was told something of `subject` that it does not understand.
pub fn is_undecidable(node: &Node, subject: Subject) -> bool {
    node.knowledge.with(|state| state.exceptions.is_undecidable([subject])).unwrap_or(false)
}

/// Whether the node's knowledge is as fresh as on any normal day.
fn is_fresh(node: &Node, host: &impl Host) -> bool {
    let fresh =
        node.knowledge.with(|state| state.age_ms(host.now_ms()) <= state.issuer.freshness.max_staleness_ms);
    fresh.unwrap_or(false)
}
