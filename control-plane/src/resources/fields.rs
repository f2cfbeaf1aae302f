//! The fields of protected APIs in requests.

use std::collections::BTreeSet;

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::{MAX_SCOPE_LENGTH, MAX_SCOPES, Scope};

use super::model::{ResourceScope, Serves};
use crate::infra::db::UnknownValue;
use crate::infra::http::error::FieldErrors;
use crate::infra::http::fields::{Fields, FromFields};
use crate::organizations::is_resource;

pub(super) const NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=500;
/// Most organizations that a protected API lists. One that serves more serves all, and its organizations have lists of their own.
pub(super) const MAX_ORGANIZATIONS: usize = 500;
/// A UUID in canonical form.
const ID_LENGTH: usize = 36;

impl FromFields for ResourceScope {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let name = input.required_string("name", 1..=MAX_SCOPE_LENGTH);
        let description = input.optional_string("description", DESCRIPTION_LENGTH);
        let name: Scope = match name?.parse() {
            Ok(name) => name,
            Err(error) => {
                input.error("name", format!("{error}"));
                return None;
            }
        };
        if name.is_built_in() {
            input.error("name", "is a scope of the management API, which no other API can have");
        }
        Some(Self { name, description: description.unwrap_or_default() })
    }
}

/// The word for every organization.
struct All;

impl std::str::FromStr for All {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        if text == "all" { Ok(Self) } else { Err(UnknownValue) }
    }
}

/// An absolute URI without a fragment (RFC 8707 §2).
pub(super) fn identifier(input: &mut Fields) -> Option<String> {
    let identifier = input.required_string("identifier", 1..=MAX_URI_LENGTH)?;
    if !is_resource(&identifier) {
        input.error("identifier", "must be an absolute URI without a fragment");
        return None;
    }
    Some(identifier)
}

pub(super) fn scopes(input: &mut Fields) -> Option<Vec<ResourceScope>> {
    let scopes: Vec<ResourceScope> = input.optional_objects("scopes", MAX_SCOPES)?;
    let mut seen = BTreeSet::new();
    for (position, scope) in scopes.iter().enumerate() {
        if !seen.insert(&scope.name) {
            input.error(&format!("scopes[{position}].name"), "is repeated");
        }
    }
    Some(scopes)
}

/// `all`, or a list of organizations' ids. Whether they exist is for the operation to say.
pub(super) fn organizations(input: &mut Fields) -> Option<Serves> {
    const FIELD: &str = "organizations";
    if input.is_text(FIELD) {
        return input
            .optional_parsed::<All>(FIELD, "all or an array of organizations' ids")
            .map(|All| Serves::ALL);
    }
    let texts = input.optional_strings(FIELD, MAX_ORGANIZATIONS, ID_LENGTH..=ID_LENGTH)?;
    let mut listed: Vec<OrganizationId> = Vec::with_capacity(texts.len());
    let mut complete = true;
    for (position, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(id) if listed.contains(&id) => {
                input.error(&format!("{FIELD}[{position}]"), "is repeated");
                complete = false;
            }
            Ok(id) => listed.push(id),
            Err(_) => {
                input.error(&format!("{FIELD}[{position}]"), "must be an organization's id");
                complete = false;
            }
        }
    }
    complete.then_some(Serves::Listed(listed))
}

/// Names each listed organization that does not exist.
pub(super) fn refuse_unknown(serves: &Serves, unknown: &[OrganizationId], errors: &mut FieldErrors) {
    for (position, id) in serves.listed().iter().enumerate() {
        if unknown.contains(id) {
            errors.push(&format!("organizations[{position}]"), "there is no organization with this id");
        }
    }
}
