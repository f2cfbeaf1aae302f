//! Reading the fields of an agent.

use super::model::{AgentType, DeploymentEnv};
use crate::infra::http::fields::Fields;

/// Most capabilities of one agent.
const MAX_CAPABILITIES: usize = 64;
const MAX_CAPABILITY_LENGTH: usize = 128;
/// RFC 5321 §4.5.3.1: the longest address a mail server has to take.
const MAX_EMAIL_LENGTH: usize = 254;

pub(super) const NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
pub(super) const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 1..=1_000;
pub(super) const OWNER_LENGTH: std::ops::RangeInclusive<usize> = 1..=128;

pub(super) const AGENT_TYPES: &str =
    "screener, classifier, orchestrator, extractor, summarizer, router, monitor or custom";
pub(super) const DEPLOYMENT_ENVS: &str = "development, staging or production";

pub(super) fn agent_type(fields: &mut Fields) -> Option<AgentType> {
    fields.optional_parsed("agentType", AGENT_TYPES)
}

pub(super) fn deployment_env(fields: &mut Fields) -> Option<DeploymentEnv> {
    fields.optional_parsed("deploymentEnv", DEPLOYMENT_ENVS)
}

/// An e-mail address from the member `email`.
pub fn email(fields: &mut Fields) -> Option<String> {
    let email = fields.optional_string("email", 3..=MAX_EMAIL_LENGTH)?;
    if !is_email(&email) {
        fields.error("email", "must be an e-mail address in ASCII, like name@example.com");
        return None;
    }
    Some(email)
}

pub(super) fn version(fields: &mut Fields) -> Option<String> {
    let version = fields.optional_string("version", 1..=64)?;
    if semver::Version::parse(&version).is_err() {
        fields.error("version", "must be a semantic version like 1.2.3");
        return None;
    }
    Some(version)
}

pub(super) fn capabilities(fields: &mut Fields) -> Option<Vec<String>> {
    let capabilities =
        fields.optional_strings("capabilities", MAX_CAPABILITIES, 1..=MAX_CAPABILITY_LENGTH)?;
    let mut good = true;
    for (position, capability) in capabilities.iter().enumerate() {
        if !is_capability(capability) {
            fields.error(
                &format!("capabilities[{position}]"),
                "must be resource:action, of lower-case letters, digits, `.`, `_` and `-`; the action may be `*`",
            );
            good = false;
        } else if capabilities.iter().take(position).any(|earlier| earlier == capability) {
            fields.error(&format!("capabilities[{position}]"), "is there twice");
            good = false;
        }
    }
    good.then_some(capabilities)
}

/// The member `a2aUrl`: an https URL that can be shown to anyone.
pub(super) fn a2a_url(fields: &mut Fields) -> Option<String> {
    let url = fields.optional_string("a2aUrl", 9..=2_048)?;
    if !is_public_url(&url) {
        fields.error("a2aUrl", "must be an https URL without user, password and fragment");
        return None;
    }
    Some(url)
}

fn is_public_url(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    text.starts_with("https://")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

/// An address we are willing to keep: a dot-atom at a host name (RFC 5321 §4.1.2), nothing quoted, nothing literal.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let atoms = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let is_local = (1..=64).contains(&local.len())
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atoms));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= MAX_EMAIL_LENGTH && is_local && domain.contains('.') && domain.split('.').all(is_label)
}

fn is_capability(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    text.split_once(':')
        .is_some_and(|(resource, action)| is_word(resource) && (action == "*" || is_word(action)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_are_taken_and_strange_ones_are_not() {
        for good in ["a@b.example", "first.last+tag@mail.example.com", "o'hara@x-y.example", "1@2.example"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@b.example", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@@b.example",
            "a@b@c.example",
            ".a@b.example",
            "a..b@c.example",
            "a.@b.example",
            "a b@c.example",
            "\"a\"@b.example",
            "a@[192.0.2.1]",
            "a@-b.example",
            "a@b-.example",
            "a@b..example",
            "ä@b.example",
            "a@bücher.example",
            "a\0@b.example",
            "a@b.example\n",
            &long,
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_a2a_url_is_https_and_keeps_no_secret() {
        for good in ["https://a.example", "https://a.example:8443/a2a?tenant=1"] {
            assert!(is_public_url(good), "{good}");
        }
        for bad in [
            "http://a.example/",
            "https://",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://a.example/#x",
            "https://a.example/a b",
            "javascript:alert(1)",
            "a.example/a2a",
            "https://ä.example",
        ] {
            assert!(!is_public_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_capability_is_a_resource_and_an_action() {
        for good in ["resume:read", "a.b_c-d:x", "tickets:*", "1:2"] {
            assert!(is_capability(good), "{good}");
        }
        for bad in
            ["", "resume", "resume:", ":read", "a:b:c", "Resume:read", "a b:c", "*:read", "-a:b", "a:b*"]
        {
            assert!(!is_capability(bad), "{bad:?}");
        }
    }
}
