//! Reading a trust policy from a request.

use std::collections::BTreeMap;

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::ids::AgentId;

use super::github::{is_event, is_id, is_ref, is_repository};
use super::model::{ClaimsRule, GithubRule, NewPolicy, Pinned, Provider, Rule};
use crate::infra::http::fields::{Fields, FromFields};

const PROVIDERS: &str = "github, gitlab, kubernetes, spiffe or oidc";
const MAX_EVENTS: usize = 16;
const MAX_CLAIMS: usize = 16;
const MAX_TEXT: usize = 1_024;
const GITLAB: &str = "https://gitlab.com";
/// Claims that a policy is about in another way, or that say something else each time.
const NOT_FOR_POLICIES: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

impl FromFields for NewPolicy {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let provider = input.required_parsed("provider", PROVIDERS);
        let agent: Option<AgentId> =
            input.optional_parsed("agentId", "an agent's id: a UUID in its canonical form");
        let Some(provider) = provider else {
            // Not to be called unknown: which of them belong here is not known.
            for name in [
                "repository",
                "repositoryId",
                "repositoryOwnerId",
                "branch",
                "ref",
                "environment",
                "events",
                "jobWorkflowRef",
                "issuer",
                "subject",
                "claims",
            ] {
                input.skip(name);
            }
            return None;
        };
        let (issuer, rule, pinned) = if provider == Provider::Github {
            let (rule, pinned) = github(input)?;
            (None, Rule::Github(rule), pinned)
        } else {
            let issuer = if provider == Provider::Gitlab {
                // One that is malformed was noted, and nothing comes of the request.
                input.optional_string("issuer", 1..=MAX_URI_LENGTH).or_else(|| Some(GITLAB.to_owned()))
            } else {
                input.required_string("issuer", 1..=MAX_URI_LENGTH)
            };
            (issuer, Rule::Claims(claims(input, provider)?), Pinned::new())
        };
        Some(Self { provider, issuer, rule, pinned, agent })
    }
}

fn github(input: &mut Fields) -> Option<(GithubRule, Pinned)> {
    let repository = input.required_string("repository", 1..=140);
    if repository.as_deref().is_some_and(|repository| !is_repository(repository)) {
        input.error("repository", "must be owner/name, in full and as GitHub writes it");
    }
    let mut pinned = Pinned::new();
    for (field, pointer) in
        [("repositoryId", "/repository_id"), ("repositoryOwnerId", "/repository_owner_id")]
    {
        let Some(id) = input.optional_string(field, 1..=20) else { continue };
        if !is_id(&id) {
            input.error(field, "must be the id that GitHub gave, in digits");
        }
        pinned.insert(pointer.to_owned(), id);
    }
    let branch = input.optional_string("branch", 1..=255).map(|branch| format!("refs/heads/{branch}"));
    if branch.as_deref().is_some_and(|branch| !is_ref(branch)) {
        input.error("branch", "must be the name of one branch, without pattern");
    }
    let r#ref = input.optional_string("ref", 1..=266);
    if r#ref.as_deref().is_some_and(|r#ref| !is_ref(r#ref)) {
        input.error("ref", "must be one branch or tag, refs/heads/… or refs/tags/…, without pattern");
    }
    if branch.is_some() && r#ref.is_some() {
        input.error("ref", "is there beside branch: give one of them");
    }
    let environment = exact(input, "environment", 255);
    let events = input.optional_strings("events", MAX_EVENTS, 1..=64);
    for (position, event) in events.iter().flatten().enumerate() {
        if !is_event(event) {
            let reason = "must be an event that only who may write to the repository can cause";
            input.error(&format!("events[{position}]"), reason);
        }
    }
    if events.as_ref().is_some_and(Vec::is_empty) {
        input.error("events", "must name one event at least, or be left out");
    }
    let job_workflow_ref = exact(input, "jobWorkflowRef", MAX_TEXT);
    let is_workflow = |text: &str| {
        text.split_once('@')
            .is_some_and(|(file, r#ref)| file.contains("/.github/workflows/") && is_ref(r#ref))
    };
    if job_workflow_ref.as_deref().is_some_and(|text| !is_workflow(text)) {
        let reason = "must be like owner/name/.github/workflows/file.yml@refs/heads/main";
        input.error("jobWorkflowRef", reason);
    }
    let rule = GithubRule {
        repository: repository?,
        r#ref: branch.or(r#ref),
        environment,
        events,
        job_workflow_ref,
    };
    input.is_good().then_some((rule, pinned))
}

fn claims(input: &mut Fields, provider: Provider) -> Option<ClaimsRule> {
    let subject = input.required("subject", |input| exact(input, "subject", MAX_TEXT));
    let claims = input.optional_texts("claims", MAX_CLAIMS, 1..=MAX_TEXT).unwrap_or_default();
    for (name, value) in &claims {
        if NOT_FOR_POLICIES.contains(&name.as_str()) || !is_exact(value) {
            input.error(&format!("claims.{name}"), "must be the exact text of a claim of the workload's own");
        }
    }
    let is_of_provider = |subject: &str| match provider {
        Provider::Kubernetes => {
            let name = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
            };
            let parts: Vec<&str> = subject.split(':').collect();
            matches!(parts.as_slice(), ["system", "serviceaccount", namespace, account] if name(namespace) && name(account))
        }
        Provider::Spiffe => {
            let path = subject.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
            path.is_some_and(|(domain, path)| !domain.is_empty() && !path.is_empty())
        }
        Provider::Gitlab => subject.starts_with("project_path:"),
        Provider::Github | Provider::Oidc => true,
    };
    if subject.as_deref().is_some_and(|subject| !is_of_provider(subject)) {
        let reason = match provider {
            Provider::Kubernetes => "must be system:serviceaccount:NAMESPACE:NAME",
            Provider::Spiffe => "must be a SPIFFE id with a path: spiffe://DOMAIN/PATH",
            _ => "must be like project_path:group/project:ref_type:branch:ref:main",
        };
        input.error("subject", reason);
    }
    Some(ClaimsRule { subject: subject?, claims: BTreeMap::from_iter(claims) })
}

/// Text that is compared byte for byte: whoever writes a pattern into it expects something else.
fn exact(input: &mut Fields, name: &str, longest: usize) -> Option<String> {
    let text = input.optional_string(name, 1..=longest)?;
    if !is_exact(&text) {
        input.error(name, "must be exact: patterns mean nothing here");
        return None;
    }
    Some(text)
}

fn is_exact(text: &str) -> bool {
    !text.contains('*') && text.trim() == text
}
