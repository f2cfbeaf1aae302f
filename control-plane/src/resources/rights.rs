//! What an organization may have of protected APIs.

use std::collections::BTreeSet;

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::Chain;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;

use super::rights_store::{self, Questions};
use crate::access::{Caller, Door, Role};
use crate::app::App;
use crate::infra::db::{SystemTx, TenantTx};
use crate::infra::http::error::{ApiError, FieldErrors};

/// What an organization may not have of what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacking {
    pub scopes: ScopeSet,
    pub audience: bool,
}

impl Lacking {
    pub fn is_nothing(&self) -> bool {
        self.scopes.is_empty() && !self.audience
    }
}

/// What the organization may not have of these scopes and this audience. The management API is every organization's, so a question
/// about it alone is answered without asking the database.
pub async fn lacking(
    tx: &mut PgConnection,
    app: &App,
    organization: OrganizationId,
    scopes: &ScopeSet,
    audience: &str,
) -> Result<Lacking, sqlx::Error> {
    let mut questions = Questions::default();
    questions.ask(app, 0, organization, scopes, audience);
    Ok(questions.answers(tx, app, 1).await?.pop().unwrap_or_default())
}

/// What each token must not hold because an organization that it goes through may not have it: its subject's, or that of another
/// organization's agent that acts. An organization that may have an API cannot lend it to one that may not.
pub async fn lacking_of_tokens(
    tx: &mut PgConnection,
    app: &App,
    tokens: &[&Claims],
) -> Result<Vec<Lacking>, sqlx::Error> {
    let mut questions = Questions::default();
    for (token, claims) in tokens.iter().enumerate() {
        let chain = claims.delegation.iter();
        let abroad = chain.flat_map(|chain: &Chain| chain.foreign_organizations(claims.iat));
        let abroad = abroad.map(|(organization, _)| organization);
        for organization in std::iter::once(claims.organization_id).chain(abroad) {
            for audience in &claims.aud {
                questions.ask(app, token, organization, &claims.scopes, audience);
            }
        }
    }
    questions.answers(tx, app, tokens.len()).await
}

impl Questions {
    fn ask(
        &mut self,
        app: &App,
        token: usize,
        organization: OrganizationId,
        scopes: &ScopeSet,
        audience: &str,
    ) {
        for scope in of_apis(scopes).iter() {
            self.push(token, organization, Some(scope.to_string()), None);
        }
        if audience != app.config.issuer {
            self.push(token, organization, None, Some(audience.to_owned()));
        }
    }

    /// For each of so many tokens; without a trip to the database if all of them are for the management API alone.
    async fn answers(
        self,
        tx: &mut PgConnection,
        app: &App,
        tokens: usize,
    ) -> Result<Vec<Lacking>, sqlx::Error> {
        let mut lacking = vec![Lacking::default(); tokens];
        if self.is_empty() {
            return Ok(lacking);
        }
        for (token, scope) in rights_store::lacking(tx, self, &of_policy(app)).await? {
            let Some(lacking) = lacking.get_mut(token) else { continue };
            match scope {
                Some(scope) => lacking.scopes = lacking.scopes.iter().cloned().chain([scope]).collect(),
                None => lacking.audience = true,
            }
        }
        Ok(lacking)
    }
}

/// Those that are not of the management API.
pub fn of_apis(scopes: &ScopeSet) -> ScopeSet {
    scopes.iter().filter(|scope| !scope.is_built_in()).cloned().collect()
}

/// Scopes that the policy folder's file names besides the built-in ones: of APIs that are not registered. An organization may have
/// them by its own list only.
pub(super) fn of_policy(app: &App) -> Vec<String> {
    let scopes = app.policy.table().scopes;
    scopes.iter().filter(|scope| !scope.is_built_in()).map(ToString::to_string).collect()
}

/// The management API's scopes that an organization's agents can have, which are all but the platform's own.
pub fn built_in_of_organizations(app: &App) -> ScopeSet {
    let scopes = app.policy.table().scopes;
    scopes.into_iter().filter(|scope| scope.is_built_in() && !scope.is_for_platform()).collect()
}

/// Every scope that this instance knows: for the discovery documents and the edges. The names of protected APIs' scopes are no
/// secret; each API's own metadata (RFC 9728) shows them to anyone.
pub async fn scopes_supported(tx: &mut PgConnection, app: &App) -> Result<Vec<Scope>, sqlx::Error> {
    let mut scopes = app.policy.table().scopes;
    let listed: BTreeSet<_> = scopes.iter().cloned().collect();
    let of_resources = rights_store::scopes_any_tenant(tx).await?;
    scopes.extend(of_resources.into_iter().filter(|scope| !listed.contains(scope)));
    Ok(scopes)
}

/// Which of these identifiers and API scopes exist.
#[derive(Debug, Default)]
pub struct Known {
    pub identifiers: Vec<String>,
    pub scopes: Vec<String>,
}

/// Which of these identifiers and scopes are those of a protected API.
pub async fn known(
    tx: &mut PgConnection,
    app: &App,
    identifiers: &[String],
    scopes: &[String],
) -> Result<Known, sqlx::Error> {
    let mut known = rights_store::known_any_tenant(tx, identifiers, scopes).await?;
    known.scopes.extend(of_policy(app));
    Ok(known)
}

/// Keeps protected APIs, and what organizations may have, from being changed by others until the transaction ends.
pub async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    rights_store::lock(tx).await
}

/// Removes a deleted organization from the lists of protected APIs. Needs the lock.
pub async fn forget_organization(tx: &mut SystemTx, organization: OrganizationId) -> Result<(), sqlx::Error> {
    rights_store::forget_organization_any_tenant(tx, organization).await
}

/// Keeps rights from being taken away until the transaction ends. Transactions that give or use rights share this lock.
pub async fn lock_shared(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    rights_store::lock_shared(tx).await
}

/// Keeps these scopes of APIs from being taken away until the transaction ends. To be called before the transaction locks an agent:
/// a change that takes rights away holds the same lock alone and then updates agents.
pub async fn hold(tx: &mut PgConnection, scopes: &ScopeSet) -> Result<(), sqlx::Error> {
    if of_apis(scopes).is_empty() { Ok(()) } else { lock_shared(tx).await }
}

/// The scopes, if there are such for the caller's organization, and the caller can give them: or registering an agent would be a way
/// to rights one lacks.
pub async fn grantable(app: &App, caller: &Caller, scopes: ScopeSet) -> Result<ScopeSet, ApiError> {
    if !scopes.is_empty() {
        let mut tx = app.db.tenant(caller.organization_id).await?;
        require_grantable(&mut tx, app, caller, &scopes).await?;
        tx.commit().await?;
    }
    Ok(scopes)
}

/// The same in a transaction of the caller's organization, from which the rights are not taken until it ends.
pub async fn require_grantable(
    tx: &mut TenantTx,
    app: &App,
    caller: &Caller,
    scopes: &ScopeSet,
) -> Result<(), ApiError> {
    let of_apis = of_apis(scopes);
    let mut unknown =
        scopes.difference(&of_apis).difference(&app.policy.table().scopes.into_iter().collect());
    if !of_apis.is_empty() {
        lock_shared(tx).await?;
        let lacking = lacking(tx, app, caller.organization_id, &of_apis, &app.config.issuer).await?;
        unknown = unknown.iter().chain(lacking.scopes.iter()).cloned().collect();
    }
    refuse(&unknown)?;
    if !caller.right().is_system && scopes.iter().any(Scope::is_for_platform) {
        let message = "only agents of the system organization hold the platform's scopes";
        return Err(ApiError::forbidden("PLATFORM_ONLY", message));
    }
    let lacking = not_givable(caller, scopes);
    if lacking.is_empty() {
        return Ok(());
    }
    let message = format!("the access token does not hold what it would grant: {lacking}");
    Err(ApiError::forbidden("SCOPE_NOT_HELD", message))
}

/// What of these scopes, all of which the caller's organization may have, the caller cannot give to an agent.
///
/// It gives what its token holds. The scopes of protected APIs that the platform lets an organization have are the organization's, and its
/// owners and administrators give those to its agents without holding them.
pub fn not_givable(caller: &Caller, scopes: &ScopeSet) -> ScopeSet {
    let lent = if gives_for_organization(caller) { of_apis(scopes) } else { ScopeSet::empty() };
    scopes.difference(&caller.lendable()).difference(&lent)
}

/// Refuses API scopes that the transaction's organization may not have, and keeps them from being taken from it until the
/// transaction ends: an agent that is given them meanwhile is not overlooked.
pub async fn require_rights(tx: &mut TenantTx, app: &App, scopes: &ScopeSet) -> Result<(), ApiError> {
    let of_apis = of_apis(scopes);
    if of_apis.is_empty() {
        return Ok(());
    }
    lock_shared(tx).await?;
    let organization = tx.organization_id();
    let lacking = lacking(tx, app, organization, &of_apis, &app.config.issuer).await?;
    refuse(&lacking.scopes)
}

/// One answer for scopes that do not exist and those that are not for this organization: it does not learn of others' APIs.
fn refuse(unknown: &ScopeSet) -> Result<(), ApiError> {
    let mut errors = FieldErrors::new();
    for scope in unknown.iter() {
        let reason = format!(
            "there is no scope {scope} that this organization may have; the platform allows the scopes of APIs"
        );
        errors.push("scopes", reason);
    }
    errors.into_result()
}

/// Whether the caller gives, in its own person, what its organization may have. A token that was borrowed, delegated or narrowed
/// below `admin:orgs` does not.
fn gives_for_organization(caller: &Caller) -> bool {
    caller.right().door == Door::Own && caller.rank() >= Role::Admin
}
