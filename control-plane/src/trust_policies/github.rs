//! The tokens of GitHub Actions, and what of them is believed.

use serde_json::{Map, Value};

use super::model::GithubRule;
use super::rule::{Mismatch, require, text};

/// What starts a workflow that a policy trusts unless it says otherwise: only who may write to the repository can cause these.
pub(super) const DEFAULT_EVENTS: [&str; 5] =
    ["push", "release", "repository_dispatch", "schedule", "workflow_dispatch"];

/// What anyone can cause who may open a pull request or an issue, or write a comment. No policy can trust them: the workflow would
/// run with our tokens for whoever asks.
const ANYONES_EVENTS: [&str; 14] = [
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_comment",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "pull_request_target",
    "watch",
    "workflow_run",
];

/// Whether a policy may name the event.
pub(super) fn is_event(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && !ANYONES_EVENTS.contains(&name)
}

/// Whether GitHub could give out the name `owner/name`. Nothing else is ever compared with a claim.
pub(super) fn is_repository(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else { return false };
    let is_owner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=39).contains(&owner.len())
        && owner.bytes().all(is_owner)
        && (1..=100).contains(&name.len())
        && name.bytes().all(is_name)
        && name != "."
        && name != ".."
}

/// Whether it is the whole name of a branch or tag (git-check-ref-format(1)): no pattern, and nothing that Git would not take.
pub(super) fn is_ref(text: &str) -> bool {
    let name = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
    let is_bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "no file: Git refuses this ending alone"
    )]
    let is_component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.is_some_and(|name| {
        name.len() <= 255
            && !name.contains(is_bad)
            && !name.contains("..")
            && !name.contains("@{")
            && !name.ends_with('.')
            && name.split('/').all(is_component)
    })
}

/// Whether a job of GitHub Actions with these claims is one that the rule is about.
pub(super) fn admit(rule: &GithubRule, claims: &Map<String, Value>) -> Result<(), Mismatch> {
    require(claims, "repository", &rule.repository)?;
    let (owner, short) = rule.repository.split_once('/').unwrap_or_default();
    require(claims, "repository_owner", owner)?;
    let (owner_id, id) = (digits(claims, "repository_owner_id")?, digits(claims, "repository_id")?);

    // Both name branches of a pull request, and are empty for anything else.
    for name in ["head_ref", "base_ref"] {
        match claims.get(name) {
            None => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(_) => return Err(Mismatch::PullRequest),
        }
    }
    let event = text(claims, "event_name")?;
    if event.starts_with("pull_request") {
        return Err(Mismatch::PullRequest);
    }
    let trusts = match &rule.events {
        Some(events) => events.iter().any(|trusted| trusted == event),
        None => DEFAULT_EVENTS.contains(&event),
    };
    if !trusts || !is_event(event) {
        return Err(Mismatch::Event);
    }

    let name = text(claims, "ref")?;
    if rule.r#ref.as_deref().is_some_and(|expected| expected != name) || !is_ref(name) {
        return Err(Mismatch::Differs("ref".to_owned()));
    }
    let kind = if name.starts_with("refs/heads/") { "branch" } else { "tag" };
    if claims.contains_key("ref_type") {
        require(claims, "ref_type", kind)?;
    }
    let environment = match claims.get("environment") {
        None => None,
        Some(_) => Some(text(claims, "environment")?),
    };
    if rule.environment.is_some() && rule.environment.as_deref() != environment {
        return Err(Mismatch::Differs("environment".to_owned()));
    }
    if let Some(expected) = &rule.job_workflow_ref {
        require(claims, "job_workflow_ref", expected)?;
    }

    // `sub` says the same once more, in the older form or with ids in it. Any other was made from a template of the organization's,
    // and may leave out what it is about.
    let of = match environment {
        Some(environment) => format!("environment:{}", environment.replace(':', "%3A")),
        None => format!("ref:{name}"),
    };
    let subject = text(claims, "sub")?;
    let forms =
        [format!("repo:{}:{of}", rule.repository), format!("repo:{owner}@{owner_id}/{short}@{id}:{of}")];
    if forms.iter().any(|form| form == subject) { Ok(()) } else { Err(Mismatch::Subject) }
}

/// An id: digits, written as text.
fn digits<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, Mismatch> {
    let id = text(claims, name)?;
    if is_id(id) { Ok(id) } else { Err(Mismatch::Malformed(name.to_owned())) }
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
}
