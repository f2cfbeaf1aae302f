//! What a change of a protected API, or of what an organization may have, takes from agents: scopes that they hold, and tokens.
//!
//! It is taken in the change's own transaction. A scope that agents hold is taken only if the request says so (`revokeHeld`);
//! otherwise the change is refused, and says whom it would concern.

use std::collections::{BTreeMap, BTreeSet};

use agentidp_shared::ids::{AgentId, OrganizationId};
use serde_json::json;
use utoipa::IntoParams;

use super::{rights, store};
use crate::access::Caller;
use crate::agents::{self, Holder};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::delegation;
use crate::infra::config::LONGEST_TOKEN;
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;
use crate::infra::http::fields::{Fields, FromFields};

/// The parameter, as the OpenAPI document shows it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameter; `RevokeHeld` reads it")]
pub struct RevokeHeldParameter {
    /// `true` takes from agents the scopes that this change ends, and ends their tokens. Without it such a change is refused with 409.
    revoke_held: Option<bool>,
}

/// Whether scopes that agents hold may be taken from them.
#[derive(Debug, Clone, Copy)]
pub struct RevokeHeld(pub bool);

impl FromFields for RevokeHeld {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self(fields.optional_bool("revokeHeld").unwrap_or(false)))
    }
}

/// Which organizations may have what, before a change: to be compared with what they may have after it.
#[derive(Debug)]
pub struct Rights {
    /// All organizations if `None`.
    organization: Option<OrganizationId>,
    identifier: Option<String>,
    scopes: Vec<String>,
    held: BTreeSet<(OrganizationId, String)>,
}

impl Rights {
    /// Of every organization to one resource and its scopes. `scopes` are those before the change.
    pub(super) async fn of_resource(
        tx: &mut SystemTx,
        app: &App,
        identifier: &str,
        scopes: Vec<String>,
    ) -> Result<Self, sqlx::Error> {
        Self::read(tx, app, None, Some(identifier.to_owned()), scopes).await
    }

    /// Of one organization to every API scope that its agents hold.
    pub async fn of_organization(
        tx: &mut SystemTx,
        app: &App,
        organization: OrganizationId,
    ) -> Result<Self, sqlx::Error> {
        let mut held = agents::scopes_held_any_tenant(tx, organization).await?;
        held.retain(|scope| !scope.is_built_in());
        let held = held.iter().map(ToString::to_string).collect();
        Self::read(tx, app, Some(organization), None, held).await
    }

    async fn read(
        tx: &mut SystemTx,
        app: &App,
        organization: Option<OrganizationId>,
        identifier: Option<String>,
        scopes: Vec<String>,
    ) -> Result<Self, sqlx::Error> {
        tx.without_time_limit().await?;
        let of_policy = rights::of_policy(app);
        let held =
            store::rights_any_tenant(tx, organization, identifier.as_deref(), &scopes, &of_policy).await?;
        Ok(Self { organization, identifier, scopes, held: held.into_iter().collect() })
    }

    /// The organizations that have lost something since.
    async fn losers(&self, tx: &mut SystemTx, app: &App) -> Result<Vec<OrganizationId>, sqlx::Error> {
        let of_policy = rights::of_policy(app);
        let identifier = self.identifier.as_deref();
        let now =
            store::rights_any_tenant(tx, self.organization, identifier, &self.scopes, &of_policy).await?;
        let now: BTreeSet<_> = now.into_iter().collect();
        let losers: BTreeSet<_> = self.held.difference(&now).map(|(organization, _)| *organization).collect();
        Ok(losers.into_iter().chain(self.organization).collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// Removes from agents the scopes that their organizations may no longer have, and revokes the tokens of every agent that holds such a
/// scope, got a token for such an API, or acts for another organization's agent. Returns 409 `SCOPES_HELD` if agents hold such scopes and
/// `revoke_held` is false.
pub async fn take_away(
    tx: &mut SystemTx,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    before: &Rights,
    revoke_held: RevokeHeld,
) -> Result<(), ApiError> {
    let losers = before.losers(tx, app).await?;
    let of_policy = rights::of_policy(app);
    let holders = agents::holders_any_tenant(tx, &losers, &before.scopes, &of_policy).await?;
    if !holders.is_empty() && !revoke_held.0 {
        return Err(held(&holders));
    }
    let mut taken: BTreeMap<(OrganizationId, AgentId), Vec<String>> = BTreeMap::new();
    for holder in holders {
        taken.insert((holder.organization_id, holder.agent_id), holder.scopes);
    }
    let since = app.now() - LONGEST_TOKEN;
    for named in audit::agents_with_audiences_any_tenant(tx, &losers, &app.config.issuer, since).await? {
        taken.entry(named).or_default();
    }
    for named in delegation::delegatees_from_abroad_any_tenant(tx, &losers, app.now()).await? {
        taken.entry(named).or_default();
    }
    for ((organization, agent), scopes) in taken {
        if !agents::take_scopes(tx, app, organization, agent, &scopes).await? {
            continue;
        }
        let action = if scopes.is_empty() { Action::TokenRevoked } else { Action::AgentScopesChanged };
        let event = NewEvent::new(organization, action).agent(agent).client(client).metadata(json!({
            "actorId": caller.actor(),
            "actorOrganizationId": caller.organization_id,
            "scopesTaken": scopes,
            "allTokens": true,
        }));
        audit::record(tx, app, event).await?;
    }
    Ok(())
}

fn held(holders: &[Holder]) -> ApiError {
    let organizations: BTreeSet<_> = holders.iter().map(|holder| holder.organization_id).collect();
    let mut by_scope: BTreeMap<&str, usize> = BTreeMap::new();
    for scope in holders.iter().flat_map(|holder| &holder.scopes) {
        *by_scope.entry(scope).or_default() += 1;
    }
    let message = format!(
        "{} agents of {} organizations hold scopes that this would take from them; repeat it with ?revokeHeld=true to take them and end their tokens",
        holders.len(),
        organizations.len()
    );
    ApiError::conflict("SCOPES_HELD", message).details(json!({
        "agents": holders.len(),
        "organizations": organizations.len(),
        "scopes": by_scope.iter().map(|(scope, agents)| json!({ "name": scope, "agents": agents })).collect::<Vec<_>>(),
    }))
}
