//! SQL of status lists.

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::StatusListId;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::list::Status;
use crate::infra::clock::from_unix_seconds;

/// How long an expired token's place is kept: clocks differ.
const KEPT_FOR: Duration = Duration::minutes(10);

pub(super) async fn insert<'a>(
    tx: &mut PgConnection,
    entries: impl Iterator<Item = (StatusListId, i32, &'a Claims)>,
) -> Result<(), sqlx::Error> {
    let (mut lists, mut indices, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    let (mut organizations, mut agents, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    let (mut issued_at, mut expires_at, mut derived_from) = (Vec::new(), Vec::new(), Vec::new());
    let mut scopes = Vec::new();
    for (list, idx, claims) in entries {
        lists.push(list.as_uuid());
        indices.push(idx);
        tokens.push(claims.jti.as_uuid());
        organizations.push(claims.organization_id.as_uuid());
        agents.push(claims.sub.as_uuid());
        clients.push(claims.client_id.as_uuid());
        issued_at.push(i64::try_from(claims.iat).map_err(|error| sqlx::Error::Encode(error.into()))?);
        expires_at.push(from_unix_seconds(claims.exp));
        let hops = claims.delegation.as_ref().map(|chain| serde_json::to_value(chain.hops())).transpose();
        derived_from.push(hops.map_err(|error| sqlx::Error::Encode(error.into()))?);
        scopes.push(claims.scopes.to_string());
    }
    sqlx::query!(
        "insert into status_list_entries
           (list_id, idx, jti, organization_id, agent_id, client_id, issued_at, expires_at, derived_from, scopes)
         select list_id, idx, jti, organization_id, agent_id, client_id, issued_at, expires_at, derived_from, string_to_array(scopes, ' ')
         from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[], $8::timestamptz[],
           $9::jsonb[], $10::text[]) as entry
           (list_id, idx, jti, organization_id, agent_id, client_id, issued_at, expires_at, derived_from, scopes)",
        &lists,
        &indices,
        &tokens,
        &organizations,
        &agents,
        &clients,
        &issued_at,
        &expires_at,
        &derived_from as _,
        &scopes
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn exists_any_tenant(
    tx: &mut PgConnection,
    list: StatusListId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from status_list_entries where list_id = $1) as "exists!""#,
        list.as_uuid()
    )
    .fetch_one(tx)
    .await
}

/// The places of a list whose tokens are not valid, by the same rules as everywhere else.
pub(super) async fn not_valid_any_tenant(
    tx: &mut PgConnection,
    list: StatusListId,
) -> Result<Vec<(usize, Status)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select idx, is_final as "is_final!" from (
             select entries.idx,
               revoked.jti is not null or coalesce(origin.is_final, false)
               or agents.status = 'decommissioned' or clients.status = 'decommissioned' or organizations.status = 'deleted'
               or entries.issued_at <= coalesce(floor(extract(epoch from greatest(agents.not_before, clients.not_before))), -1)
               or (coalesce(origin.since, entries.issued_at) <= coalesce(floor(extract(epoch from agents.scope_limit_at)), -1)
                 and not coalesce(agents.scope_limit @> entries.scopes, false))
               or (entries.derived_from is null and entries.issued_at <= coalesce(floor(extract(epoch from clients.scope_limit_at)), -1)
                 and not coalesce(clients.scope_limit @> entries.scopes, false))
               or homes.status = 'deleted'
               or entries.issued_at <= coalesce(floor(extract(epoch from homes.not_before)), -1)
               or coalesce(origin.since, entries.issued_at)
                    <= coalesce(floor(extract(epoch from organizations.not_before)), -1) as is_final,
               agents.status = 'suspended' or clients.status = 'suspended' or organizations.status = 'suspended'
               or homes.status = 'suspended'
               or coalesce(origin.is_suspended, false) as is_suspended
             from status_list_entries entries
             join agents on agents.id = entries.agent_id
             join agents clients on clients.id = entries.client_id
             join organizations on organizations.id = entries.organization_id
             join organizations homes on homes.id = clients.organization_id
             left join revoked_tokens revoked on revoked.jti = entries.jti
             left join lateral (
               select bool_or(cut.jti is not null or holders.status = 'decommissioned' or homes.status = 'deleted'
                   or hops.iat <= coalesce(floor(extract(epoch from homes.not_before)), -1)
                   or hops.iat <= coalesce(floor(extract(epoch from holders.not_before)), -1)) as is_final,
                 bool_or(holders.status = 'suspended' or homes.status = 'suspended') as is_suspended, min(hops.iat) as since
               from jsonb_to_recordset(entries.derived_from) hops (sub uuid, jti uuid, iat bigint)
               join agents holders on holders.id = hops.sub
               join organizations homes on homes.id = holders.organization_id
               left join revoked_tokens cut on cut.jti = hops.jti) origin on true
             where entries.list_id = $1) places
           where is_final or is_suspended"#,
        list.as_uuid()
    )
    .fetch_all(tx)
    .await?;
    let place = |idx: i32| usize::try_from(idx).map_err(|error| sqlx::Error::Decode(error.into()));
    rows.into_iter()
        .map(|row| Ok((place(row.idx)?, if row.is_final { Status::Invalid } else { Status::Suspended })))
        .collect()
}

pub(super) async fn purge(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from status_list_entries where expires_at < $1", now - KEPT_FOR)
        .execute(tx)
        .await
        .map(|_| ())
}
