//! What the migration to protected APIs finds and keeps, before it runs.

use agentidp_shared::scopes::BUILT_IN;
use sqlx::PgConnection;
use uuid::Uuid;

/// One organization whose rights the migration carries over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub organization_id: Uuid,
    pub slug: String,
    /// Its agents can get tokens for any API (`*` in `allowedResources`), and keep that.
    pub has_any_resource: bool,
    /// The scopes of APIs that its agents hold, which the migration writes as `allowedScopes`.
    pub allowed_scopes: Vec<String>,
}

const ORGANIZATIONS: &str = "select id, slug, '*' = any (allowed_resources), array(
      select distinct scope from agents cross join unnest(agents.scopes) scope
      where agents.organization_id = organizations.id and agents.status <> 'decommissioned' and scope <> all ($1)
      order by scope)
    from organizations where status <> 'deleted' order by slug";

/// The organizations that the migration concerns. The schema is that from before it, so these queries are not checked when this is
/// compiled. The transaction must be able to see every organization.
pub async fn check_migration(tx: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let built_in: Vec<String> = BUILT_IN.map(ToOwned::to_owned).to_vec();
    let rows: Vec<(Uuid, String, bool, Vec<String>)> =
        sqlx::query_as(ORGANIZATIONS).bind(built_in).fetch_all(tx).await?;
    let findings = rows.into_iter().map(|(organization_id, slug, has_any_resource, allowed_scopes)| {
        Finding { organization_id, slug, has_any_resource, allowed_scopes }
    });
    Ok(findings.filter(|finding| finding.has_any_resource || !finding.allowed_scopes.is_empty()).collect())
}
