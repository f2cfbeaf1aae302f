//! Whose agents an API serves. A good token says who is calling; that its organization is a customer of the API is for the API to say.

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::Chain;
use agentidp_shared::ids::OrganizationId;
use http::StatusCode;
use serde::Deserialize;

use crate::errors::Problem;

/// Most organizations in one list.
const MAX_ORGANIZATIONS: usize = 256;

/// The organizations that an API serves: at least one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<OrganizationId>")]
pub struct Served(Vec<OrganizationId>);

impl TryFrom<Vec<OrganizationId>> for Served {
    type Error = &'static str;

    fn try_from(organizations: Vec<OrganizationId>) -> Result<Self, Self::Error> {
        match organizations.len() {
            0 => Err("must name an organization; leave it out to serve them all"),
            1..=MAX_ORGANIZATIONS => Ok(Self(organizations)),
            _ => Err("must name at most 256 organizations"),
        }
    }
}

impl Served {
    /// Reads ids with single spaces between them.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let ids: Result<Vec<OrganizationId>, _> = text.split(' ').map(str::parse).collect();
        ids.map_err(|_| "must be organizations' ids, separated by +")?.try_into()
    }

    /// Refuses a token unless every organization that it goes through is served: the one it is issued for, and those of other
    /// organizations' agents that act with it.
    pub fn check(&self, claims: &Claims) -> Result<(), Problem> {
        let abroad =
            claims.delegation.iter().flat_map(|chain: &Chain| chain.foreign_organizations(claims.iat));
        let mut all =
            std::iter::once(claims.organization_id).chain(abroad.map(|(organization, _)| organization));
        if all.all(|organization| self.0.contains(&organization)) {
            return Ok(());
        }
        let message = "this API does not serve the organization of the agent";
        let problem =
            Problem::new(StatusCode::FORBIDDEN, "ORGANIZATION_NOT_SERVED", "access_denied", message);
        Err(problem.challenge(&[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0198c5a4-0000-7000-8000-0000000000f0";
    const TWO: &str = "0198c5a4-0000-7000-8000-0000000000f1";

    #[test]
    fn a_list_names_organizations_by_their_ids_and_is_never_empty() {
        assert_eq!(Served::parse(&format!("{ONE} {TWO}")).unwrap().0.len(), 2);
        for bad in
            ["", " ", "*", "all", &format!("{ONE},{TWO}"), &format!("{ONE}  {TWO}"), &ONE.to_uppercase()]
        {
            assert!(Served::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Served::parse(&[ONE; 257].join(" ")).is_err());
        assert!(serde_json::from_str::<Served>("[]").is_err());
    }
}
