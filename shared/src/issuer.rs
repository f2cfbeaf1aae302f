//! Issuer identifiers: the instance's own, and below it one for each organization that wants one.
//!
//! Which organization a token is of, its claim `organization_id` says, and our signature vouches for it. An organization's issuer
//! is derived from that claim, so verifying needs no list of the organizations that have one.

use crate::ids::OrganizationId;

/// Between the instance's issuer and an organization's id.
pub const ORGANIZATIONS_PATH: &str = "/organizations/";

/// The issuer of an organization that has one of its own.
pub fn of_organization(instance: &str, organization: OrganizationId) -> String {
    format!("{instance}{ORGANIZATIONS_PATH}{organization}")
}

/// Whether a token of `organization` may carry `issuer`: the instance's, or that of this organization, byte for byte. Another
/// organization's is never acceptable, whoever signed (mix-up, compare RFC 9207).
pub fn may_issue(instance: &str, issuer: &str, organization: OrganizationId) -> bool {
    match issuer.strip_prefix(instance) {
        Some("") => true,
        Some(path) => path.strip_prefix(ORGANIZATIONS_PATH).is_some_and(|id| id == organization.to_string()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANCE: &str = "https://id.example";
    const ORGANIZATION: &str = "018f0000-0000-7000-8000-00000000000a";

    #[test]
    fn an_organization_may_issue_as_itself_and_as_the_instance_and_as_nobody_else() {
        let organization: OrganizationId = ORGANIZATION.parse().unwrap();
        assert!(may_issue(INSTANCE, INSTANCE, organization));
        assert!(may_issue(INSTANCE, &of_organization(INSTANCE, organization), organization));
        for issuer in [
            String::new(),
            "https://id.exampl".into(),
            format!("{INSTANCE}/"),
            format!("{INSTANCE}/organizations"),
            format!("{INSTANCE}/organizations/"),
            format!("{INSTANCE}/organizations/{ORGANIZATION}/"),
            format!("{INSTANCE}/organizations//{ORGANIZATION}"),
            format!("{INSTANCE}/organizations/{}", ORGANIZATION.to_uppercase()),
            format!("{INSTANCE}/organizations/{ORGANIZATION}?"),
            format!("{INSTANCE}/organizations/{}", ORGANIZATION.replace('a', "b")),
            format!("{INSTANCE}.attacker.example/organizations/{ORGANIZATION}"),
        ] {
            assert!(!may_issue(INSTANCE, &issuer, organization), "{issuer}");
        }
    }
}
