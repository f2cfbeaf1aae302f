//! Who asks for a token, and for what.

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::scopes::ScopeSet;

use super::oauth_error::OAuthError;
use crate::organizations::is_resource;

/// The scopes of a new token: those asked for, or all that were granted.
pub(super) fn granted_scopes(requested: Option<&str>, granted: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    let Some(requested) = requested else { return Ok(granted.clone()) };
    let requested =
        ScopeSet::parse(requested).map_err(|error| OAuthError::InvalidScope(error.to_string().into()))?;
    if !requested.is_subset_of(granted) {
        let missing = requested.difference(granted);
        return Err(OAuthError::InvalidScope(
            format!("not held by the agent, or not by the client: {missing}").into(),
        ));
    }
    Ok(requested)
}

/// The audience named by a `resource` parameter (RFC 8707 §2): an absolute URI without a fragment.
pub(super) fn audience(resource: Option<&str>, issuer: &str) -> Result<String, OAuthError> {
    let Some(resource) = resource else { return Ok(issuer.to_owned()) };
    let refused = |reason: &'static str| OAuthError::InvalidTarget(reason.into());
    if resource.len() > MAX_URI_LENGTH {
        return Err(refused("resource is too long"));
    }
    if resource.contains('#') {
        return Err(refused("resource must have no fragment"));
    }
    if !is_resource(resource) {
        return Err(refused("resource must be an absolute URI"));
    }
    Ok(resource.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_escalation_attack_only_granted_scopes_are_given() {
        let granted = ScopeSet::parse("agents:read audit:read").unwrap();
        assert_eq!(granted_scopes(None, &granted).unwrap(), granted);
        assert_eq!(granted_scopes(Some("audit:read"), &granted).unwrap().to_string(), "audit:read");
        for asked in
            ["agents:write", "agents:read agents:write", "AGENTS:READ", "agents:read  audit:read", "a\"b"]
        {
            assert!(
                matches!(granted_scopes(Some(asked), &granted), Err(OAuthError::InvalidScope(_))),
                "{asked}"
            );
        }
    }

    #[test]
    fn a_resource_is_an_absolute_uri() {
        assert_eq!(audience(None, "https://id.example").unwrap(), "https://id.example");
        assert_eq!(audience(Some("https://api.example/v1"), "i").unwrap(), "https://api.example/v1");
        for resource in ["api", "/v1", "https://", "https://api.example/#part", "ht tp://x"] {
            assert!(matches!(audience(Some(resource), "i"), Err(OAuthError::InvalidTarget(_))), "{resource}");
        }
    }
}
