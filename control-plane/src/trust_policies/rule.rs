//! Whether the claims of a token are those that a policy is about: byte for byte, every one, and deny if in doubt.

use serde_json::{Map, Value};

use super::github;
use super::model::{ClaimsRule, Pinned, Policy, Provider, Rule};

/// What does not fit. For the organization's log: the caller is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("the claim {0} is missing or no text")]
    Malformed(String),
    #[error("the claim {0} is not what the policy says")]
    Differs(String),
    #[error("the claim {0} names another than the one that the policy was first used by")]
    NotPinned(String),
    #[error("the event is not one that the policy trusts")]
    Event,
    #[error("the workflow runs for a pull request")]
    PullRequest,
    #[error("`sub` is not what the other claims say")]
    Subject,
    #[error("the token has no jti")]
    NoTokenId,
}

/// A claim that is text and not empty.
pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, Mismatch> {
    let found = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| Mismatch::Malformed(name.to_owned()))
}

pub(super) fn require(claims: &Map<String, Value>, name: &str, expected: &str) -> Result<(), Mismatch> {
    if text(claims, name)? == expected { Ok(()) } else { Err(Mismatch::Differs(name.to_owned())) }
}

/// Whether the policy is about a token with these claims, and the ids that it is then pinned to.
pub(super) fn admit(
    policy: &Policy,
    claims: &Map<String, Value>,
    has_token_id: bool,
) -> Result<Pinned, Mismatch> {
    match &policy.rule {
        Rule::Github(rule) => github::admit(rule, claims)?,
        Rule::Claims(rule) => admit_claims(rule, policy.provider, claims)?,
    }
    // Those two always have one; of others, that a token is used once is seen by what was signed.
    if !has_token_id && matches!(policy.provider, Provider::Github | Provider::Gitlab) {
        return Err(Mismatch::NoTokenId);
    }
    pin(policy.provider, &policy.pinned, claims)
}

fn admit_claims(rule: &ClaimsRule, provider: Provider, claims: &Map<String, Value>) -> Result<(), Mismatch> {
    require(claims, "sub", &rule.subject)?;
    for (name, expected) in &rule.claims {
        require(claims, name, expected)?;
    }
    // A pipeline of a merge request runs what somebody proposes, who may be anyone.
    let source = claims.get("pipeline_source").and_then(Value::as_str).unwrap_or_default();
    if provider == Provider::Gitlab && source.contains("request") {
        return Err(Mismatch::PullRequest);
    }
    Ok(())
}

/// The ids as they are pinned after this token, if none differs from what was pinned before.
fn pin(provider: Provider, before: &Pinned, claims: &Map<String, Value>) -> Result<Pinned, Mismatch> {
    let claims = Value::Object(claims.clone());
    let mut pinned = before.clone();
    for pointer in provider.immutable_claims() {
        let found = claims.pointer(pointer).and_then(Value::as_str);
        let found = found.filter(|id| (1..=128).contains(&id.len()));
        let id = found.ok_or_else(|| Mismatch::Malformed((*pointer).to_owned()))?;
        let is = pinned.entry((*pointer).to_owned()).or_insert_with(|| id.to_owned());
        if is != id {
            return Err(Mismatch::NotPinned((*pointer).to_owned()));
        }
    }
    Ok(pinned)
}
