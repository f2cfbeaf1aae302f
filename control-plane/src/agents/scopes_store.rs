//! SQL of the scopes that agents hold.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::Scope;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::model::AgentStatus;
use super::scopes::Holder;
use crate::infra::db::decode;

pub(super) async fn holders_any_tenant(
    tx: &mut PgConnection,
    organizations: &[OrganizationId],
    scopes: &[String],
    of_policy: &[String],
) -> Result<Vec<Holder>, sqlx::Error> {
    let organizations: Vec<_> = organizations.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select id, organization_id, too_much.scopes as "scopes!" from agents
           cross join lateral (select array(
             select scope from unnest(agents.scopes) scope
             where scope = any ($2) and not may_have_scope(agents.organization_id, scope, $3) order by scope) as scopes) too_much
           where organization_id = any ($1) and status <> 'decommissioned' and agents.scopes && $2
             and cardinality(too_much.scopes) > 0
           order by organization_id, id"#,
        &organizations,
        scopes,
        of_policy
    )
    .fetch_all(tx)
    .await?;
    let holder = |(organization_id, agent_id, scopes)| Holder { organization_id, agent_id, scopes };
    Ok(rows.into_iter().map(|row| holder((row.organization_id.into(), row.id.into(), row.scopes))).collect())
}

pub(super) async fn held(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Vec<Scope>, sqlx::Error> {
    let names = sqlx::query_scalar!(
        r#"select distinct scope as "scope!" from agents cross join unnest(agents.scopes) scope
           where organization_id = $1 and status <> 'decommissioned' order by 1"#,
        organization.as_uuid()
    )
    .fetch_all(tx)
    .await?;
    names.iter().map(|name| decode(name)).collect()
}

/// Takes the scopes and moves on the second up to which tokens are refused, as when tokens are revoked. Returns how the agent stands;
/// `None` if it does not exist or was decommissioned.
pub(super) async fn take(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent: AgentId,
    scopes: &[String],
    now: OffsetDateTime,
) -> Result<Option<(AgentStatus, OffsetDateTime)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"update agents set updated_at = $4,
             scopes = array(select scope from unnest(scopes) with ordinality as held (scope, place)
               where scope <> all ($3) order by place),
             not_before = case when not_before >= date_trunc('second', $4::timestamptz) then not_before + interval '1 second'
               else $4 end
           where id = $1 and organization_id = $2 and status <> 'decommissioned'
           returning status, not_before as "not_before!""#,
        agent.as_uuid(),
        organization.as_uuid(),
        scopes,
        now
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok((decode(&row.status)?, row.not_before))).transpose()
}
