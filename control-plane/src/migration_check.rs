//! `agentidp migrate --check`: whose rights the migrations that are due will change. It reads a database of an earlier version,
//! so its queries are not checked against the present schema, and changes nothing.

use std::collections::BTreeSet;

use agentidp_shared::scopes::MAX_SCOPES;
use serde::Serialize;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use crate::infra::db::Db;
use crate::resources;

/// Somebody that a migration meets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub organization_id: Uuid,
    pub organization: String,
    /// `null` if it is the organization as a whole.
    pub agent_id: Option<Uuid>,
    pub agent: Option<String>,
    /// What will be different.
    pub change: String,
    /// What to do about it, before or after.
    pub advice: String,
}

impl From<resources::Finding> for Finding {
    fn from(found: resources::Finding) -> Self {
        let mut change = vec![];
        if found.has_any_resource {
            change.push("keeps tokens for any API (allowedResources: *)".to_owned());
        }
        if !found.allowed_scopes.is_empty() {
            let scopes = found.allowed_scopes.join(" ");
            change.push(format!("its agents hold scopes of APIs, which become its allowedScopes: {scopes}"));
        }
        Self {
            organization_id: found.organization_id,
            organization: found.slug,
            agent_id: None,
            agent: None,
            change: change.join("; "),
            advice: "register the APIs (POST /api/v1/resources) and list those that it needs: PUT \
                     /api/v1/organizations/{organizationId}/resources"
                .to_owned(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(
        "the login role of DATABASE_URL cannot act for the system; make it a member of agentidp_app and agentidp_system"
    )]
    Role(#[source] sqlx::Error),
    #[error("the database could not be read")]
    Query(#[from] sqlx::Error),
}

/// Lists the agents and organizations whose rights the pending migrations change. `None` if the database has no schema yet.
pub async fn run(db: &Db) -> Result<Option<Vec<Finding>>, CheckError> {
    let has_schema: bool =
        sqlx::query_scalar("select to_regclass('agents') is not null").fetch_one(db.pool()).await?;
    if !has_schema {
        return Ok(None);
    }
    let mut tx = db.system().await.map_err(|error| match error {
        sqlx::Error::Database(_) => CheckError::Role(error),
        error => error.into(),
    })?;
    let mut findings = vec![];
    if !has_column(&mut tx, "agents", "scope_limit").await? {
        findings.extend(authority(&mut tx).await?);
    }
    if !has_column(&mut tx, "organizations", "allowed_scopes").await? {
        findings.extend(resources::check_migration(&mut tx).await?.into_iter().map(Finding::from));
    }
    tx.commit().await?;
    Ok(Some(findings))
}

async fn has_column(tx: &mut PgConnection, table: &str, column: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_attribute where attrelid = to_regclass($1) and attname = $2 and not attisdropped)",
    )
    .bind(table)
    .bind(column)
    .fetch_one(tx)
    .await
}

/// Ranks and scopes: a scope is no rank any more, and a rank counts as far as its agent's scopes carry it.
async fn authority(tx: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query(
        "select organizations.id, organizations.slug, organizations.is_system, agents.id as agent_id, agents.email, members.role,
           agents.scopes, agents.scopes @> array['admin:orgs'] as administers
         from agents
         join organizations on organizations.id = agents.organization_id and organizations.status <> 'deleted'
         left join organization_members members
           on members.organization_id = agents.organization_id and members.agent_id = agents.id
         where agents.status <> 'decommissioned'
           and (agents.scopes @> array['admin:orgs'] or members.role in ('owner', 'admin'))
         order by organizations.slug, agents.email",
    )
    .fetch_all(tx)
    .await?;
    let mut findings = vec![];
    for row in rows {
        let (organization_id, agent_id): (Uuid, Uuid) = (row.try_get("id")?, row.try_get("agent_id")?);
        let (is_system, administers): (bool, bool) = (row.try_get("is_system")?, row.try_get("administers")?);
        let role: Option<String> = row.try_get("role")?;
        let ranked = role.as_deref().filter(|role| ["owner", "admin"].contains(role));
        let held: Vec<String> = row.try_get("scopes")?;
        let too_many = beyond_the_limit(&held, ranked, is_system && administers);
        let (change, advice) = match ranked {
            None => {
                let lost = if is_system { "the instance and the organization" } else { "the organization" };
                (
                    format!(
                        "holds admin:orgs without the role owner or admin: it will no longer administer {lost}"
                    ),
                    format!(
                        "if it should, give it a role: POST /api/v1/organizations/{organization_id}/members \
                             {{\"agentId\": \"{agent_id}\", \"role\": \"admin\"}}"
                    ),
                )
            }
            Some(role) if !administers => (
                format!(
                    "has the role {role} without admin:orgs: it will manage agents as a manager does, and not administer"
                ),
                format!(
                    "if it should, give it the scope after migrating: PUT /api/v1/agents/{agent_id}/scopes"
                ),
            ),
            Some(_) if !too_many.is_empty() => (
                format!("holds so many scopes already that it does not get {}", too_many.join(" ")),
                format!(
                    "if it should, let another owner give it these in the place of others after migrating: \
                         PUT /api/v1/agents/{agent_id}/scopes"
                ),
            ),
            Some(role) if is_system => (
                format!(
                    "has the role {role} in the system organization: it gets platform:read and platform:write"
                ),
                "clients that ask for scopes by name must ask for these too".to_owned(),
            ),
            Some("owner") => {
                ("is an owner: it gets orgs:read, which it may then lend".to_owned(), "nothing".to_owned())
            }
            Some(_) => continue,
        };
        findings.push(Finding {
            organization_id,
            organization: row.try_get("slug")?,
            agent_id: Some(agent_id),
            agent: Some(row.try_get("email")?),
            change,
            advice,
        });
    }
    Ok(findings)
}

/// The new scopes that the migration does not give to an agent with this role, because it would hold more than there can be.
fn beyond_the_limit(held: &[String], role: Option<&str>, of_platform: bool) -> Vec<&'static str> {
    let mut held: BTreeSet<&str> = held.iter().map(String::as_str).collect();
    let mut too_many = vec![];
    let gives: [(bool, &[&'static str]); 2] =
        [(role == Some("owner"), &["orgs:read"]), (of_platform, &["platform:read", "platform:write"])];
    for (_, scopes) in gives.into_iter().filter(|(is_given, _)| *is_given) {
        let more: BTreeSet<&str> = held.iter().chain(scopes).copied().collect();
        if more.len() > MAX_SCOPES {
            too_many.extend(scopes);
        } else {
            held = more;
        }
    }
    too_many
}

/// As a person reads it, or a program.
pub fn to_text(findings: Option<&[Finding]>, json: bool) -> Result<String, serde_json::Error> {
    if json {
        return Ok(serde_json::to_string_pretty(findings.unwrap_or_default())? + "\n");
    }
    let Some(findings) = findings else {
        return Ok("there is no schema yet, and so nothing to check\n".to_owned());
    };
    if findings.is_empty() {
        return Ok("no migration that is due changes anybody's rights\n".to_owned());
    }
    let line = |finding: &Finding| {
        let agent = finding.agent.as_deref().map_or_else(String::new, |email| {
            format!(", agent {email} ({})", finding.agent_id.unwrap_or_default())
        });
        format!(
            "organization {} ({}){agent}\n  {}\n  to do: {}\n",
            finding.organization, finding.organization_id, finding.change, finding.advice
        )
    };
    Ok(format!("{}{} in all\n", findings.iter().map(line).collect::<String>(), findings.len()))
}
