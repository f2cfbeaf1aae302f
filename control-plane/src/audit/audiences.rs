//! Which agents got tokens for which APIs, as the log has it.

use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The agents of these organizations that got a token since `since`, of their own or to delegate, for an API that their organization
/// may not have. `issuer` is the audience of the management API, which every organization may have.
pub async fn agents_with_audiences_any_tenant(
    tx: &mut PgConnection,
    organizations: &[OrganizationId],
    issuer: &str,
    since: OffsetDateTime,
) -> Result<Vec<(OrganizationId, AgentId)>, sqlx::Error> {
    let organizations: Vec<_> = organizations.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select distinct organization_id, agent_id as "agent_id!" from (
             select organization_id, agent_id, jsonb_array_elements_text(metadata -> 'audience') as audience from audit_events
             where organization_id = any ($1) and occurred_at > $2 and action in ('token.issued', 'delegation.created')
               and agent_id is not null and jsonb_typeof(metadata -> 'audience') = 'array') issued
           where audience <> $3 and not may_have_resource(organization_id, audience)"#,
        &organizations,
        since,
        issuer
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.agent_id.into())).collect())
}
